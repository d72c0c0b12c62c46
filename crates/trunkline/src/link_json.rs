//! link's JSON codec: named values, one object and a newline each.
//!
//! In: a value and the name of its type. Out: the bytes that a Go program with link writes, and back. Never: the length
//! before them, which is the packet dialect's.
//!
//! ```text
//! {"Head":"AddReq","Body":{"A":1,"B":2}}⏎
//! ```
//!
//! ```
//! use trunkline::link_json::{Headed, Messages, Named, write};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! #[serde(rename_all = "PascalCase", default)]
//! #[derive(Default)]
//! struct AddReq {
//!     a: i64,
//!     b: i64,
//! }
//!
//! impl Named for AddReq {
//!     const HEAD: &'static str = "AddReq";
//! }
//!
//! let bytes = write(AddReq::HEAD, &AddReq { a: 1, b: 2 })?;
//! assert_eq!(bytes, b"{\"Head\":\"AddReq\",\"Body\":{\"A\":1,\"B\":2}}\n");
//!
//! for message in Messages::read(&bytes) {
//!     let message = message?;
//!     match message.head() {
//!         AddReq::HEAD => assert_eq!(message.read::<AddReq>()?.b, 2),
//!         _ => println!("{}", message.read::<serde_json::Value>()?),
//!     }
//! }
//! # Ok::<(), trunkline::link_json::Error>(())
//! ```
//!
//! As bodies: [`Headed<T>`] is sent and received where one type is expected, [`Messages`] where several are.
//!
//! # As Go reads and writes
//!
//! * `<`, `>`, `&`, U+2028, U+2029 and U+FFFD are written as escapes; the keys of maps are sorted; floats are as short as
//!   can be, with an exponent below 1e-6 and from 1e21 on; what serializes as bytes, such as `Bytes`, is base64.
//! * Names of members match without regard to case; unknown ones are ignored, of equal ones the last counts; `null` is
//!   the zero of its type. A member that is missing is an error unless serde has a default for it: Go's types are
//!   `#[serde(default)]`.
//! * A body that is missing or null is an error, where link's process ends; two objects in one packet are two messages,
//!   of which link loses one.

mod base64;
mod tree;
mod write;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use trunkline_wire::{Code, Fault, Profile};

use self::tree::{Envelope, Tree};
use crate::body::{FromBody, IntoBody};

/// A type with the name it travels under: what Go's `RegisterName` says.
pub trait Named {
    /// The name. Of a type that was registered without one, Go makes `package path/type name`, such as `main/AddReq`.
    const HEAD: &'static str;
}

/// Why a value could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are no JSON object.
    #[error("no message of link's JSON codec: {0}")]
    Syntax(String),
    /// The bytes end inside an object.
    #[error("the packet ends inside a JSON object")]
    Truncated,
    /// `Body` is missing or null.
    #[error("the message {head:?} has no Body")]
    NoBody {
        /// The message's name.
        head: String,
    },
    /// Another type was expected.
    #[error("the message is {head:?}, not {expected:?}")]
    Head {
        /// The message's name.
        head: String,
        /// The name of the type that was expected.
        expected: &'static str,
    },
    /// One message was expected.
    #[error("the packet holds {0} messages; one was expected")]
    Count(usize),
    /// The value is not of its type, or JSON has no words for it.
    #[error("{0}")]
    Value(String),
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self::Value(what.to_string())
    }
}

impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(what: T) -> Self {
        Self::Value(what.to_string())
    }
}

impl Error {
    /// The mistake of whoever sent or gave the value.
    fn into_fault(self) -> Fault {
        Fault::new(Code::InvalidArgument, self.to_string())
    }
}

/// One message as link writes it: the object and its newline. The head of a type without a name is empty.
///
/// # Errors
/// When JSON has no words for the value (a float that is no number, a map with keys that are no text) or it is null,
/// which no receiver can read.
pub fn write<T: Serialize + ?Sized>(head: &str, body: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    envelope(head, &mut bytes, |bytes| write::value(body, bytes))?;
    Ok(bytes)
}

fn envelope(
    head: &str,
    bytes: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    bytes.extend_from_slice(b"{\"Head\":");
    write::text(head, bytes);
    bytes.extend_from_slice(b",\"Body\":");
    let at = bytes.len();
    body(bytes)?;
    if bytes.get(at..) == Some(b"null") {
        return Err(Error::NoBody { head: head.to_owned() });
    }
    bytes.extend_from_slice(b"}\n");
    Ok(())
}

/// A message that arrived: its name, and a value to be read as whatever that means.
#[derive(Clone, Debug)]
pub struct Message {
    head: String,
    body: Tree,
}

impl Message {
    /// The name of its type; empty when the sender had none for it.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The value as a `T`; as `serde_json::Value` for names that nobody knows.
    ///
    /// # Errors
    /// When it is no `T`.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        T::deserialize(self.body)
    }
}

/// Sent on as it came, in the spelling of [`write()`]; the members of objects keep their order.
impl IntoBody for Message {
    fn into_body(self, _: &'static Profile) -> Result<Bytes, Fault> {
        let mut bytes = Vec::new();
        envelope(&self.head, &mut bytes, |bytes| {
            self.body.write(bytes);
            Ok(())
        })
        .map_err(Error::into_fault)?;
        Ok(bytes.into())
    }
}

/// The messages of one packet, in order: usually one, possibly none.
#[derive(Clone, Debug, Default)]
pub struct Messages(Vec<Message>);

impl Messages {
    /// Reads messages until the bytes end or are wrong; an error is the last item. What is before it counts.
    pub fn read(bytes: &[u8]) -> impl Iterator<Item = Result<Message, Error>> {
        let text = tree::mend(bytes);
        let mut done = false;
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = text.get(at..).filter(|_| !done)?;
            let mut objects = serde_json::Deserializer::from_str(rest).into_iter::<Envelope>();
            let read = objects.next()?;
            at += objects.byte_offset();
            let message = read.map_err(|error| match error.is_eof() {
                true => Error::Truncated,
                false => Error::Syntax(error.to_string()),
            });
            let message = message.and_then(|Envelope { head, body }| match body {
                Some(body) => Ok(Message { head, body }),
                None => Err(Error::NoBody { head }),
            });
            done = message.is_err();
            Some(message)
        })
    }
}

impl IntoIterator for Messages {
    type Item = Message;
    type IntoIter = std::vec::IntoIter<Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromBody for Messages {
    fn from_body(body: Bytes, _: &'static Profile) -> Result<Self, Fault> {
        Self::read(&body).collect::<Result<_, _>>().map(Self).map_err(Error::into_fault)
    }
}

/// A value that travels under its type's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Headed<T>(pub T);

impl<T: Named + Serialize + Send + 'static> IntoBody for Headed<T> {
    fn into_body(self, _: &'static Profile) -> Result<Bytes, Fault> {
        write(T::HEAD, &self.0).map(Bytes::from).map_err(Error::into_fault)
    }
}

impl<T: Named + DeserializeOwned + Send + 'static> FromBody for Headed<T> {
    fn from_body(body: Bytes, dialect: &'static Profile) -> Result<Self, Fault> {
        let Messages(messages) = Messages::from_body(body, dialect)?;
        let one = <[Message; 1]>::try_from(messages).map_err(|all| Error::Count(all.len()));
        let value = one.and_then(|[message]| match message.head == T::HEAD {
            true => message.read(),
            false => Err(Error::Head { head: message.head, expected: T::HEAD }),
        });
        value.map(Self).map_err(Error::into_fault)
    }
}
