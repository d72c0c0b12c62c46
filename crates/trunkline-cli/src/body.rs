//! The bytes to send: given as an argument, read from a file or standard input, written in hex.

use std::io::Read;

use clap::Args;
use trunkline::bytes::Bytes;
use trunkline_pack::dynamic::Record;

use crate::exit::{Failure, Result};
use crate::packed::record;

/// What is read from a file or standard input at most: iproto's largest message, the largest of any dialect.
const MOST: u64 = 100_000_000;

/// Where a body comes from.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Body {
    /// The body: text, `@file`, or `@-` for standard input
    #[arg(
        short,
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        env = "TRUNKLINE_DATA"
    )]
    data: String,
    /// The body as hex digits, such as 'cafe 0001'
    #[arg(long, value_name = "DIGITS", conflicts_with = "data", env = "TRUNKLINE_HEX")]
    hex: Option<String>,
    /// The body as packed values, such as 'u32:7 str:abc ber:300'
    #[arg(
        long,
        value_name = "VALUES",
        conflicts_with_all = ["data", "hex"],
        value_parser = record,
        env = "TRUNKLINE_PACK"
    )]
    pack: Option<Record>,
}

impl Body {
    /// The bytes.
    pub(crate) fn read(&self) -> Result<Bytes> {
        if let Some(record) = &self.pack {
            return record.pack().map(Bytes::from).map_err(|error| Failure::usage(error.to_string()));
        }
        if let Some(digits) = &self.hex {
            return unhex(digits).map(Bytes::from).map_err(Failure::usage);
        }
        match self.data.strip_prefix('@') {
            None => Ok(Bytes::from(self.data.clone())),
            Some("-") => all(std::io::stdin().lock(), "standard input"),
            Some(path) => {
                let file = std::fs::File::open(path)
                    .map_err(|error| Failure::usage(format!("cannot read `{path}`: {error}")))?;
                all(file, path)
            }
        }
    }
}

fn all(reader: impl Read, name: &str) -> Result<Bytes> {
    let mut body = Vec::new();
    reader
        .take(MOST + 1)
        .read_to_end(&mut body)
        .map_err(|error| Failure::usage(format!("cannot read `{name}`: {error}")))?;
    if body.len() as u64 > MOST {
        let what = format!("`{name}` has more than {MOST} bytes, the largest message of any dialect");
        return Err(Failure::new(crate::exit::Exit::Limit, what));
    }
    Ok(body.into())
}

/// Hex digits to bytes. Spaces, line ends and `0x` at the start of a word are ignored.
pub(crate) fn unhex(text: &str) -> std::result::Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut half = None;
    for word in text.split_whitespace() {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        for c in digits.chars() {
            let Some(digit) = c.to_digit(16) else {
                let at = 2 * bytes.len() + usize::from(half.is_some());
                return Err(format!("`{}` is no hex digit (after {at} digits)", c.escape_debug()));
            };
            match half.take() {
                None => half = Some(digit),
                Some(high) => bytes.push((high << 4 | digit) as u8),
            }
        }
    }
    match half {
        None => Ok(bytes),
        Some(_) => Err(format!("an odd number of hex digits: {}", 2 * bytes.len() + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_may_be_spaced() {
        assert_eq!(unhex("cafe 0001"), Ok(vec![0xca, 0xfe, 0, 1]));
        assert_eq!(unhex("0xCAFE\n00 01"), Ok(vec![0xca, 0xfe, 0, 1]));
        assert_eq!(unhex("c a"), Ok(vec![0xca]));
        assert_eq!(unhex(""), Ok(vec![]));
        assert_eq!(unhex("abc"), Err("an odd number of hex digits: 3".into()));
        assert_eq!(unhex("abxc"), Err("`x` is no hex digit (after 2 digits)".into()));
    }
}
