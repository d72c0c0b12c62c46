//! `trunkline decode`: recorded bytes to messages, one JSON object a line, in the dialect's own words.
//!
//! In: hex digits as an argument, or bytes (or hex) from a file or standard input, read as they come. Out: an object
//! per message; for bytes that can never be a message, an error that names their offset.

use std::fs::File;
use std::io::{ErrorKind, Read};

use clap::ValueEnum;
use serde_json::{Map, Value};
use trunkline::wire::packet::{Head, Packet};
use trunkline::wire::{
    Codec, Decoded, Dialect, Input, Limits, Message, PROFILES, Route, Side, WireError, iproto, simple,
};
use trunkline_pack::dynamic::Schema;

use crate::args::size;
use crate::body::unhex;
use crate::exit::{Exit, Failure, Result};
use crate::output::{Output, hex};
use crate::packed::{schema, unpack};

/// Bytes of one read.
const READ: usize = 64 << 10;

/// What `decode` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dialect, with its options: iproto, simple, packet?head=4be
    #[arg(long, value_name = "NAME", value_parser = Spelling::parse, env = "TRUNKLINE_DIALECT")]
    dialect: Spelling,
    /// The bytes as hex digits; without DIGITS, the input is hex
    #[arg(long, value_name = "DIGITS", num_args = 0..=1, default_missing_value = "", env = "TRUNKLINE_HEX")]
    hex: Option<String>,
    /// A file of recorded bytes; without one (or `-`), standard input
    #[arg(conflicts_with_all = ["hex"], value_name = "FILE")]
    file: Option<String>,
    /// The types of every body, such as 'u32 str': its values are printed, or what is wrong with it
    #[arg(long, value_name = "TYPES", value_parser = schema, env = "TRUNKLINE_PACK")]
    pack: Option<Schema>,
    /// Who received the bytes: some dialects read them differently on each side
    #[arg(long, value_enum, value_name = "SIDE", default_value_t, env = "TRUNKLINE_SIDE")]
    side: Receiver,
    /// The largest body; by default the dialect's
    #[arg(long, value_name = "SIZE", value_parser = size, env = "TRUNKLINE_MAX_MESSAGE")]
    max_message: Option<usize>,
}

/// The side that received the bytes.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Receiver {
    // A server: it was called.
    #[default]
    Accepting,
    // A client: it was answered.
    Dialling,
}

/// A dialect, and what its route and id are called there.
#[derive(Clone, Copy, Debug)]
struct Spelling {
    dialect: AnyDialect,
    route: &'static str,
    id: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum AnyDialect {
    Iproto,
    Simple,
    Packet(Head),
}

impl Spelling {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let (name, options) = text.split_once('?').unwrap_or((text, ""));
        let spelling = match name {
            "iproto" => Self { dialect: AnyDialect::Iproto, route: "code", id: "sync" },
            "simple" => Self { dialect: AnyDialect::Simple, route: "type", id: "id" },
            "packet" => {
                let head = match options {
                    "" => Head::default(),
                    options => match options.strip_prefix("head=") {
                        Some(head) => head.parse().map_err(|error| format!("{error}"))?,
                        None => return Err(format!("no option `{options}`; packet has head=4be")),
                    },
                };
                return Ok(Self { dialect: AnyDialect::Packet(head), route: "route", id: "id" });
            }
            _ => {
                let names: Vec<_> = PROFILES.iter().map(|profile| profile.name).collect();
                return Err(format!("no dialect `{name}`; there is: {}", names.join(", ")));
            }
        };
        if options.is_empty() { Ok(spelling) } else { Err(format!("no option `{options}` on {name}")) }
    }

    /// The halves of a connection that receives on this side.
    fn start(self, side: Side, max_message: Option<usize>) -> Codec {
        let default = match self.dialect {
            AnyDialect::Iproto => iproto::MAX_MESSAGE,
            _ => Limits::MAX_MESSAGE,
        };
        let limits = Limits { max_message: max_message.unwrap_or(default), ..Limits::default() };
        match self.dialect {
            AnyDialect::Iproto => iproto::Iproto::new().start(side, &limits),
            AnyDialect::Simple => simple::Simple::new().start(side, &limits),
            AnyDialect::Packet(head) => Packet::new(head).start(side, &limits),
        }
    }

    fn has_routes(self) -> bool {
        !matches!(self.dialect, AnyDialect::Packet(_))
    }
}

/// Decodes everything there is.
pub(crate) fn run(args: &Args, output: &Output) -> Result<()> {
    match (args.hex.as_deref(), args.file.as_deref()) {
        (Some(""), _) => {
            let mut digits = String::new();
            std::io::stdin()
                .read_to_string(&mut digits)
                .map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
            decode(args, bytes_of(&digits)?.as_slice(), output)
        }
        (Some(digits), _) => decode(args, bytes_of(digits)?.as_slice(), output),
        (None, None | Some("-")) => decode(args, std::io::stdin().lock(), output),
        (None, Some(path)) => {
            let file =
                File::open(path).map_err(|error| Failure::usage(format!("cannot read `{path}`: {error}")))?;
            decode(args, file, output)
        }
    }
}

fn bytes_of(digits: &str) -> Result<Vec<u8>> {
    unhex(digits).map_err(Failure::usage)
}

fn decode(args: &Args, mut source: impl Read, output: &Output) -> Result<()> {
    let side = match args.side {
        Receiver::Accepting => Side::Accepting,
        Receiver::Dialling => Side::Dialling,
    };
    let mut decoder = args.dialect.start(side, args.max_message).decoder;
    let mut offset = 0;
    let mut waiting = Vec::new();
    let mut block = vec![0; READ];
    loop {
        match source.read(&mut block) {
            Ok(0) => return decoder.finish(&waiting).map_err(|error| malformed(&error, offset)),
            Ok(read) => waiting.extend_from_slice(&block[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::usage(format!("cannot read: {error}"))),
        }
        let mut input = Input::new(waiting);
        loop {
            let before = input.remaining().len();
            match decoder.decode(&mut input).map_err(|error| malformed(&error, offset))? {
                Decoded::More(_) => break,
                Decoded::Message(message) => {
                    output.json(&describe(args, &message, offset));
                    offset += (before - input.remaining().len()) as u64;
                }
            }
        }
        // A message that is not all there yet is kept as it is, not copied for every read.
        waiting = if input.is_untouched() {
            input.into_block().unwrap_or_default()
        } else {
            input.remaining().to_vec()
        };
    }
}

fn malformed(error: &WireError, offset: u64) -> Failure {
    Failure::new(Exit::Protocol, format!("at offset {offset}: {error}"))
}

/// One message as an object: where it was, its verb, then its parts in the dialect's words.
fn describe(args: &Args, message: &Message, offset: u64) -> Value {
    let spelling = args.dialect;
    let mut object = Map::new();
    object.insert("offset".into(), offset.into());
    object.insert("verb".into(), message.verb().into());
    let (id, route) = parts(message);
    if let Some(route) = route.filter(|_| spelling.has_routes()) {
        let value = route.number().map_or_else(|| route.name().unwrap_or_default().into(), Value::from);
        object.insert(spelling.route.into(), value);
    }
    if let Some(id) = id {
        object.insert(spelling.id.into(), id.into());
    }
    if let Message::Fault { fault, .. } = message {
        object.insert("fault".into(), format!("{:?}", fault.code).into());
        object.insert("message".into(), fault.message.as_str().into());
    }
    let body = match message {
        Message::Drain(drain) => Some(&drain.body),
        _ => message.body(),
    };
    if let Some(body) = body {
        object.insert("len".into(), body.len().into());
        object.insert("hex".into(), hex(body).into());
        if let Ok(text) = std::str::from_utf8(body) {
            object.insert("text".into(), text.into());
        }
        if let Some(schema) = &args.pack {
            match unpack(schema, body) {
                Ok(record) => object.insert("values".into(), crate::packed::json(&record.values)),
                Err(what) => object.insert("unpacked".into(), what.into()),
            };
        }
    }
    object.into()
}

/// The id and the route of a message. A notification of a dialect with matched ids has the id 0.
const fn parts(message: &Message) -> (Option<u64>, Option<&Route>) {
    match message {
        Message::Request { id, route, .. }
        | Message::Reply { id, route, .. }
        | Message::Fault { id, route, .. }
        | Message::Item { id, route, .. }
        | Message::End { id, route }
        | Message::Ping { id, route, .. } => (Some(id.0), Some(route)),
        Message::Drain(drain) => (Some(drain.id.0), Some(&drain.route)),
        Message::Notify { route, .. } => (None, Some(route)),
        Message::Reset { id, .. } | Message::Cancel { id } | Message::Pong { id } => (Some(id.0), None),
        Message::Credit { .. } => (None, None),
    }
}
