//! The `trunkline` command: serve, call, notify, ping, bench, decode and demo, in every dialect.
//!
//! ```text
//!  args ──► a verb's room ──► trunkline ──► output (standard output) / exit (standard error, exit code)
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | `args` | what can be typed: verbs, shared options, values with units |
//! | `body` | the bytes to send: an argument, a file, standard input, hex |
//! | `serve`, `call`, `notify`, `ping`, `bench`, `decode`, `demo` | one verb each |
//! | `builtins` | the routes of `serve`, which the other verbs know by name |
//! | `runtime` | one thread per shard, or one pool of threads |
//! | `output` | text on a terminal, JSON when piped, colours only on a terminal |
//! | `exit` | what went wrong: the error block and the exit code |

mod args;
mod bench;
mod body;
mod builtins;
mod call;
mod decode;
mod demo;
mod exit;
mod notify;
mod output;
mod packed;
mod ping;
mod runtime;
mod serve;

use std::io;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Verb};
use crate::exit::Result;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::typed();
    let output = Output::new(&cli.global);
    // What the demo provokes is no news.
    let quiet = matches!(cli.verb, Verb::Demo);
    log(cli.global.verbose, if quiet { "off" } else { "warn" });
    match run(cli.verb, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(verb: Verb, output: &Output) -> Result<()> {
    match verb {
        Verb::Serve(args) => serve::run(args),
        Verb::Call(args) => runtime::one(call::run(args, output)),
        Verb::Notify(args) => runtime::one(notify::run(args, output)),
        Verb::Ping(args) => runtime::one(ping::run(args, output)),
        Verb::Bench(args) => bench::run(args, output),
        Verb::Decode(args) => decode::run(&args, output),
        Verb::Demo => demo::run(output),
        Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::described(), "trunkline", &mut io::stdout());
            Ok(())
        }
    }
}

/// Events go to standard error: warnings, `-v` for more, `RUST_LOG` for a choice of one's own.
fn log(verbose: u8, least: &str) {
    let default = match verbose {
        0 => least,
        1 => "warn,trunkline=info",
        2 => "warn,trunkline=debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(anstream::stderr)
        .with_target(false)
        .compact()
        .init();
}
