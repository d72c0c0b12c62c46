//! The trait of everything that can be packed.

use crate::{Mode, PackError, lists};

/// A value that has a packed form.
///
/// Derived for structs and enums; written by hand for anything else:
///
/// ```
/// use trunkline_pack::{Mode, Pack, PackError, pack};
///
/// struct Millis(std::time::Duration);
///
/// impl Pack for Millis {
///     fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError> {
///         let millis = u64::try_from(self.0.as_millis()).map_err(PackError::custom)?;
///         millis.pack(out, mode)
///     }
/// }
///
/// assert_eq!(pack(&Millis(std::time::Duration::from_secs(1)))?, 1000u64.to_le_bytes());
/// # Ok::<(), PackError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no packed form",
    label = "does not implement `Pack`",
    note = "derive it with `#[derive(Pack)]`, or use a type that has one: u8 to u64, i8 to i64, strings, byte strings, lists, tuples",
    note = "go-iproto's `int` and `uint` are 32 bits wide: use `i32` and `u32` for `isize` and `usize`"
)]
pub trait Pack {
    /// Appends the packed form of `self` to `out`.
    ///
    /// # Errors
    ///
    /// A length or count above `u32::MAX`, or what an implementation refuses. Bytes may have been
    /// appended by then; [`append`](crate::append) takes them away again.
    fn pack(&self, out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError>;

    /// Appends a list of these: the count in `mode`, then each item in [`Mode::Fixed`].
    ///
    /// Only worth overriding for types that can copy many items at once without changing the bytes.
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack).
    fn pack_list(items: &[Self], out: &mut Vec<u8>, mode: Mode) -> Result<(), PackError>
    where
        Self: Sized,
    {
        lists::pack_each(items, out, mode)
    }
}
