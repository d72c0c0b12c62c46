//! What can be typed: the verbs, the options that several of them share, and values with units.
//!
//! Every long option can also be set by an environment variable, `TRUNKLINE_` and its name; a test holds that.
//! Durations are written `250ms`, sizes `64KiB`, counts `10k`.

use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use trunkline::{ErrorKind, Route};

use crate::{bench, builtins, call, decode, notify, ping, serve};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, max_term_width = 100)]
#[command(about = "Serve, call, measure and decode, in every dialect that trunkline speaks")]
#[command(after_help = "\
Addresses are URLs: the dialect, then +unix where it is not TCP.
  iproto://127.0.0.1:3301   iproto+unix:///run/x.sock   iproto://:3301 (all interfaces)

Values have units: 250ms, 64KiB, 10k. Every long option can be set by the environment:
--connect-timeout is TRUNKLINE_CONNECT_TIMEOUT.

Exit codes: 0 ok, 1 application error, 2 usage, 3 cannot connect or lost, 4 deadline,
5 protocol or wrong dialect, 6 limit, 130 interrupted")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

impl Cli {
    /// The command line. One sentence of its help stands for the environment variable of every option.
    pub(crate) fn described() -> Command {
        let hide = |arg: Arg| arg.hide_env(true);
        Self::command()
            .mut_args(hide)
            .mut_subcommands(move |verb| verb.mut_args(hide).mut_subcommands(move |verb| verb.mut_args(hide)))
    }

    /// What was typed. Ends the process where it makes no sense.
    pub(crate) fn typed() -> Self {
        Self::from_arg_matches(&Self::described().get_matches()).unwrap_or_else(|error| error.exit())
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serve the built-in routes: echo, health, sleep, fail, sum
    Serve(serve::Args),
    /// Make one call and print the answer
    Call(call::Args),
    /// Send one message that wants no answer
    Notify(notify::Args),
    /// Measure round trips
    Ping(ping::Args),
    /// Measure throughput and latency
    Bench(bench::Args),
    /// Read recorded bytes, one JSON object per message
    Decode(decode::Args),
    /// Start a server, use it in every way there is, and say how it went
    Demo,
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Options of every verb.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// How results are printed: by default for people on a terminal, else as JSON; raw is the body alone
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", env = "TRUNKLINE_OUTPUT")]
    pub(crate) output: Option<Format>,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t, env = "TRUNKLINE_COLOR")]
    pub(crate) color: Color,
    /// Say more on standard error; repeat it for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, env = "TRUNKLINE_VERBOSE")]
    pub(crate) verbose: u8,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
    // The bytes of a body and nothing else.
    Raw,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// How to connect, for the verbs that call.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connect {
    /// How long connecting may take
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s", env = "TRUNKLINE_CONNECT_TIMEOUT")]
    pub(crate) connect_timeout: Duration,
}

impl Connect {
    /// A client of one connection.
    pub(crate) async fn client(&self, url: &str) -> Result<trunkline::Client, trunkline::Error> {
        trunkline::Client::builder().connect_timeout(self.connect_timeout).connect(url).await
    }
}

/// Threads and runtimes, for the verbs that carry load.
#[derive(Clone, Debug, Args)]
pub(crate) struct Runtime {
    /// One single-threaded runtime per worker, or one runtime over all workers
    #[arg(long, value_enum, value_name = "KIND", default_value_t, env = "TRUNKLINE_RUNTIME")]
    pub(crate) runtime: RuntimeKind,
    /// Worker threads; by default 1 for shards, one per CPU for multi
    #[arg(long, value_name = "N", value_parser = count::<usize>, env = "TRUNKLINE_WORKERS")]
    pub(crate) workers: Option<usize>,
}

/// What carries the tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuntimeKind {
    // A single-threaded runtime per worker: the fastest.
    #[default]
    Shards,
    // One work-stealing runtime.
    Multi,
}

/// A route as it is typed: a number (`17`, `0x11`) or a name. The built-in names also mean their numbers, so that
/// `/echo` works where a dialect has only numbers.
pub(crate) fn route(text: &str) -> Result<Route, String> {
    if text.is_empty() {
        return Err("a route is a number or a name".to_owned());
    }
    let number = match text.strip_prefix("0x") {
        Some(hex) => Some(u32::from_str_radix(hex, 16)),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(text.parse()),
        None => None,
    };
    match number {
        Some(Ok(number)) => Ok(Route::Number(number)),
        Some(Err(_)) => Err("a number of a route is at most 32 bits".to_owned()),
        None => Ok(builtins::by_name(text).unwrap_or_else(|| Route::from(text.to_owned()))),
    }
}

/// An address that can be used: its dialect is checked later, by those who connect.
pub(crate) fn url(text: &str) -> Result<String, String> {
    for part in text.split(',') {
        part.trim().parse::<trunkline::address::Address>().map_err(|error| match error.kind() {
            ErrorKind::Address(what) => what.clone(),
            _ => error.to_string(),
        })?;
    }
    Ok(text.to_owned())
}

/// `250ms`, `10s`, `1m 30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 250ms or 10s"))
}

/// `64`, `64KiB`, `1.5MB`: bytes.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    const UNITS: [(&str, u64); 11] = [
        ("", 1),
        ("b", 1),
        ("k", 1 << 10),
        ("kib", 1 << 10),
        ("m", 1 << 20),
        ("mib", 1 << 20),
        ("g", 1 << 30),
        ("gib", 1 << 30),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
    ];
    scaled(text, &UNITS, "write it as 64KiB or 1MB")
}

/// `64`, `10k`, `1M`: how many.
pub(crate) fn count<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    const UNITS: [(&str, u64); 4] = [("", 1), ("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000)];
    scaled(text, &UNITS, "write it as 500 or 10k")
}

fn scaled<T: TryFrom<u64>>(text: &str, units: &[(&str, u64)], how: &str) -> Result<T, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let Some((_, scale)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("no unit `{unit}`; {how}"));
    };
    let number = number.replace('_', "");
    let value = match u64::from_str(&number) {
        Ok(whole) => whole.checked_mul(*scale),
        // A fraction of a unit, such as 1.5MB; more digits than a unit has are cut off.
        Err(_) => f64::from_str(&number).ok().map(|value| (value * *scale as f64) as u64),
    };
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| format!("not a number that fits; {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_long_option_has_its_environment_variable() {
        fn look(command: &Command) {
            for arg in command.get_arguments() {
                let Some(long) = arg.get_long().filter(|long| !["help", "version"].contains(long)) else {
                    continue;
                };
                let want = format!("TRUNKLINE_{}", long.replace('-', "_").to_uppercase());
                let env = arg.get_env().and_then(|env| env.to_str());
                assert_eq!(env, Some(&*want), "{} --{long}", command.get_name());
            }
            command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(look);
        }
        look(&Cli::command());
    }

    #[test]
    fn values_have_units() {
        assert_eq!(size("64KiB"), Ok(64 << 10));
        assert_eq!(size("1.5MB"), Ok(1_500_000));
        assert_eq!(size("0"), Ok(0));
        assert_eq!(count::<u64>("10k"), Ok(10_000));
        assert_eq!(count::<u64>("1_000"), Ok(1_000));
        assert!(size("64 apples").is_err_and(|error| error.contains("apples") && error.contains("64KiB")));
        assert!(size("").is_err() && size("-1").is_err() && count::<u32>("9g").is_err());
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn routes_are_numbers_or_names() {
        assert_eq!(route("17"), Ok(Route::Number(17)));
        assert_eq!(route("0x11"), Ok(Route::Number(17)));
        assert_eq!(route("/echo"), Ok(Route::from((1, "/echo"))));
        assert_eq!(route("greeter"), Ok(Route::from("greeter")));
        assert!(route("99999999999").is_err() && route("").is_err() && route("0xzz").is_err());
    }
}
