//! The trait of everything that can be unpacked.

use crate::{Input, Mode, UnpackError};

/// A value that can be read from its packed form; it may borrow from the input.
///
/// ```
/// use trunkline_pack::{Input, Mode, Unpack, UnpackError, decode};
///
/// #[derive(Debug, PartialEq)]
/// struct Percent(u8);
///
/// impl<'a> Unpack<'a> for Percent {
///     const MIN_SIZE: usize = 1;
///
///     fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError> {
///         let at = input.offset();
///         match u8::unpack(input, mode)? {
///             value @ 0..=100 => Ok(Self(value)),
///             value => Err(UnpackError::custom("Percent", at, format!("{value} is above 100"))),
///         }
///     }
/// }
///
/// assert_eq!(decode::<Percent>(&[42])?, Percent(42));
/// let error = decode::<Percent>(&[101]).unwrap_err();
/// assert_eq!(error.to_string(), "cannot unpack Percent at byte 0: 101 is above 100");
/// # Ok::<(), UnpackError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be unpacked",
    label = "does not implement `Unpack`",
    note = "derive it with `#[derive(Unpack)]`, or use a type that has a packed form: u8 to u64, i8 to i64, strings, byte strings, lists, tuples",
    note = "go-iproto's `int` and `uint` are 32 bits wide: use `i32` and `u32` for `isize` and `usize`"
)]
pub trait Unpack<'a>: Sized {
    /// The fewest bytes a value takes in [`Mode::Fixed`]; a lower bound is enough.
    ///
    /// A list's count is compared with the bytes left divided by this (by 1 when it is 0).
    const MIN_SIZE: usize = 0;

    /// Reads one value and leaves `input` behind it.
    ///
    /// # Errors
    ///
    /// The input ends too early or says something this type does not. Where `input` then stands is
    /// unspecified.
    fn unpack(input: &mut Input<'a>, mode: Mode) -> Result<Self, UnpackError>;

    /// Reads a list of these: the count in `mode`, then each item in [`Mode::Fixed`].
    ///
    /// Only worth overriding for types that can copy many items at once.
    ///
    /// # Errors
    ///
    /// As [`unpack`](Self::unpack); a count that the rest of the input cannot hold.
    fn unpack_list(input: &mut Input<'a>, mode: Mode) -> Result<Vec<Self>, UnpackError> {
        input.list(mode, Self::MIN_SIZE, |input| Self::unpack(input, Mode::Fixed))
    }
}

/// A value that can be unpacked from any input because it keeps nothing of it.
pub trait UnpackOwned: for<'a> Unpack<'a> {}

impl<T: for<'a> Unpack<'a>> UnpackOwned for T {}
