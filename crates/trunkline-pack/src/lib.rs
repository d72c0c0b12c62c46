//! Values in go-iproto's packed form.
//!
//! In: a value and a [`Mode`]. Out: bytes that say nothing about themselves, so both ends must know the
//! type; and back. Never: a socket, a message, a clock.
//!
//! ```
//! use trunkline_pack::{Pack, Unpack, decode, pack};
//!
//! #[derive(Pack, Unpack, Debug, PartialEq)]
//! struct Message<'a> {
//!     #[pack(ber)]
//!     count: u32,
//!     name: &'a str,
//! }
//!
//! let bytes = pack(&Message { count: 258, name: "world" })?;
//! assert_eq!(bytes, b"\x82\x02\x05\0\0\0world");
//! let message: Message<'_> = decode(&bytes)?; // `name` borrows from `bytes`
//! assert_eq!(message, Message { count: 258, name: "world" });
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is packed how
//!
//! | type | [`Mode::Fixed`] | [`Mode::Ber`] |
//! |---|---|---|
//! | `u8`, `i8` | one byte | one byte, unchanged |
//! | `u16` to `u64`, `i16` to `i64` | 2, 4 or 8 bytes, little-endian | BER of the unsigned bit pattern |
//! | `str`, `String`, `[u8]`, `Vec<u8>`, `Bytes` | `u32` length, bytes | BER length, bytes |
//! | `[T]`, `Vec<T>` | `u32` count, items fixed | BER count, items **fixed** |
//! | derived struct, enum | its fields, each as declared | the same: the outer mode is ignored |
//! | tuple, `[T; N]` | its items, each fixed | its items, each BER |
//! | `&T`, `Box`, `Arc`, `Rc`, `Cow` | as the target | as the target |
//! | `()`, `PhantomData` | nothing | nothing |
//!
//! BER is perl's `w`: groups of seven bits, most significant group first, the top bit set on all but the
//! last byte. A tuple is what go-iproto's variadic calls are: `pack_ber(&(a, b))` is `PackBER(a, b)`.
//!
//! Go's `int` and `uint` travel as 32 bits: use `i32` and `u32`. `usize`, `isize`, `bool`, floats, maps
//! and `Option` have no packed form; neither has go-iproto one for them.
//!
//! # What is refused
//!
//! Decoding is strict: integers cut short, BER that is not the shortest or does not fit, strings that are
//! not UTF-8 and lists of items that take no bytes are errors which name the place and the byte offset.
//! [`Input::lenient`] accepts what go-iproto accepts. Either way a length or count is compared with what
//! is left before anything is allocated, and nesting ends at [`MAX_DEPTH`].

mod ber;
pub mod dynamic;
mod error;
#[doc(hidden)]
pub mod export;
mod functions;
#[doc(hidden)]
pub mod fuzz;
mod input;
mod integers;
mod lists;
mod mode;
mod pack;
mod path;
mod pointers;
mod strings;
mod tuples;
pub mod typed;
mod unpack;

pub use error::{PackError, PackErrorKind, UnpackError, UnpackErrorKind};
pub use functions::{append, append_ber, decode, decode_ber, pack, pack_ber, unpack, unpack_ber};
pub use input::{Input, MAX_DEPTH, MAX_EMPTY_ITEMS};
pub use mode::Mode;
pub use pack::Pack;
#[cfg(feature = "derive")]
pub use trunkline_macros::{Pack, Unpack};
pub use unpack::{Unpack, UnpackOwned};
