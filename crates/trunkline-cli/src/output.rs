//! What a command prints: text on a terminal, JSON when piped or asked for. Colours only where somebody sees them.
//!
//! Results go to standard output, everything else to standard error. A reader that went away ends nothing: the
//! command's exit code still tells how it went.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use anstyle::{AnsiColor, Style};
use serde_json::{Map, Value};

use crate::args::{Color, Format, Global};
use crate::exit::Failure;

/// Good news, bad news, what matters, what does not.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();

/// Where results go, and in which form.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    /// JSON was asked for, so that errors are JSON, too.
    explicit_json: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        let on_a_terminal = std::io::stdout().is_terminal();
        let format = global.output.unwrap_or(if on_a_terminal { Format::Human } else { Format::Json });
        Self { format, explicit_json: global.output == Some(Format::Json) }
    }

    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    /// One line (or several) on standard output.
    pub(crate) fn print(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// One JSON object on a line of standard output.
    pub(crate) fn json(&self, value: &Value) {
        self.print(&value.to_string());
    }

    /// Bytes, as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// The error block on standard error: what, then sent or not, origin, hint.
    pub(crate) fn failure(&self, failure: &Failure) {
        let mut err = anstream::stderr().lock();
        if self.explicit_json {
            let _ = writeln!(err, "{}", failure.json());
            return;
        }
        let mut text = format!("{BAD}error:{BAD:#} {}", failure.what);
        for (label, detail) in failure.details() {
            let _ = write!(text, "\n  {FAINT}{:<8}{FAINT:#}{detail}", format!("{label}:"));
        }
        let _ = writeln!(err, "{text}");
    }
}

/// A note on standard error, where it does not disturb who reads the results.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Adds a body to an object: its length, and its text where it is UTF-8, else its hex digits.
pub(crate) fn put_body(object: &mut Map<String, Value>, body: &[u8]) {
    object.insert("len".into(), body.len().into());
    match std::str::from_utf8(body) {
        Ok(text) => object.insert("body".into(), text.into()),
        Err(_) => object.insert("body_hex".into(), hex(body).into()),
    };
}

/// A body for people: its text where it is printable, else a dump.
pub(crate) fn readable(body: &[u8]) -> String {
    let printable = |text: &&str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r'));
    match std::str::from_utf8(body).ok().filter(printable) {
        Some(text) => text.to_owned(),
        None => dump(body),
    }
}

/// Hex digits without spaces.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Sixteen bytes a line: offset, hex, text.
fn dump(bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).enumerate().map(|(n, line)| {
        let hex: String = line.chunks(8).map(spaced).collect::<Vec<_>>().join("  ");
        let text: String =
            line.iter().map(|&byte| if (0x20..0x7f).contains(&byte) { byte as char } else { '.' }).collect();
        format!("{:08x}  {hex:<48}  |{text}|", n * 16)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// A time with three digits and a unit that fits.
pub(crate) fn time(time: std::time::Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    match us {
        ..1e3 => format!("{} us", three_digits(us)),
        ..1e6 => format!("{} ms", three_digits(us / 1e3)),
        _ => format!("{} s", three_digits(us / 1e6)),
    }
}

fn three_digits(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A large number with its digits in groups: `191 233`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Bytes with a unit that fits.
pub(crate) fn bytes(number: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = number;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == UNITS[0] { format!("{value:.0} B") } else { format!("{value:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn bodies_are_text_or_a_dump() {
        assert_eq!(readable(b"hello"), "hello");
        assert_eq!(
            readable(b"\xde\xad\xbe\xefABCDEFGHIJKLM"),
            "00000000  de ad be ef 41 42 43 44  45 46 47 48 49 4a 4b 4c  |....ABCDEFGHIJKL|\n\
             00000010  4d                                                |M|"
        );
        assert_eq!(readable(b"\x1b[31m"), dump(b"\x1b[31m"), "a peer cannot colour our terminal");
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!(grouped(1_912_334), "1 912 334");
        assert_eq!(grouped(12), "12");
        assert_eq!(time(Duration::from_micros(41)), "41.0 us");
        assert_eq!(time(Duration::from_micros(1_840)), "1.84 ms");
        assert_eq!(time(Duration::from_secs(12)), "12.0 s");
        assert_eq!(bytes(1536.0), "1.5 KiB");
    }
}
