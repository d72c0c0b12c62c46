//! What is left of the bytes being unpacked.
//!
//! In: a byte slice, or a `Bytes` whose parts can be shared. Out: its parts, each checked against what is
//! left before anything is allocated. Every bound of the crate is kept here.

use bytes::Bytes;

use crate::{Mode, Unpack, UnpackError, UnpackErrorKind};

/// The deepest nesting of lists and boxes that is unpacked. Every recursive type goes through one of them,
/// so that hostile input cannot exhaust the stack.
pub const MAX_DEPTH: u32 = 128;

/// How many list items that take no bytes one input may have when it is read leniently: they cost the
/// sender nothing, so their number must not follow an announced count.
pub const MAX_EMPTY_ITEMS: u32 = 65_536;

/// The bytes that are still to be unpacked.
///
/// Made from a `&[u8]`, or from a `&Bytes`, whose parts are then handed out by reference when the type asked
/// for is [`Bytes`].
#[derive(Debug, Clone)]
pub struct Input<'a> {
    rest: &'a [u8],
    len: usize,
    owner: Option<&'a Bytes>,
    lenient: bool,
    depth: u32,
    empty_items: u32,
}

impl<'a> Input<'a> {
    /// Reads from a slice: `Bytes` fields are copies.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len(), owner: None, lenient: false, depth: 0, empty_items: 0 }
    }

    /// Reads from a `Bytes`: `Bytes` fields share its memory.
    #[must_use]
    pub fn shared(bytes: &'a Bytes) -> Self {
        Self { owner: Some(bytes), ..Self::new(bytes) }
    }

    /// Accepts what go-iproto accepts: integers cut short (the missing high bytes are zero), BER that is
    /// not the shortest or lost its upper bits, and up to [`MAX_EMPTY_ITEMS`] list items without bytes.
    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Whether [`lenient`](Self::lenient) was asked for.
    #[must_use]
    pub const fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// What is left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes of the input have been read.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Takes the next `n` bytes.
    ///
    /// # Errors
    ///
    /// Fewer are left.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], UnpackError> {
        let Some((head, tail)) = self.rest.split_at_checked(n) else {
            return Err(self.error("bytes", UnpackErrorKind::End { needed: n, left: self.rest.len() }));
        };
        self.rest = tail;
        Ok(head)
    }

    /// Takes a length in `mode` and as many bytes.
    ///
    /// # Errors
    ///
    /// The length is malformed or more than is left.
    #[inline]
    pub fn byte_string(&mut self, mode: Mode) -> Result<&'a [u8], UnpackError> {
        let at = self.offset();
        let announced = self.length(mode, "length")?;
        let left = self.rest.len();
        match usize::try_from(announced).ok().and_then(|len| self.rest.split_at_checked(len)) {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(head)
            }
            None => Err(too_long(at, announced, left)),
        }
    }

    /// `part` as `Bytes`: shared if this input was made from one, else copied.
    ///
    /// # Panics
    ///
    /// When `part` is no part of this input.
    #[must_use]
    pub fn share(&self, part: &'a [u8]) -> Bytes {
        self.owner.map_or_else(|| Bytes::copy_from_slice(part), |owner| owner.slice_ref(part))
    }

    /// Reads the field `name` of `owner`, which an error then tells.
    ///
    /// # Errors
    ///
    /// Those of `T`.
    #[inline]
    pub fn field<T: Unpack<'a>>(
        &mut self,
        owner: &'static str,
        name: &'static str,
        mode: Mode,
    ) -> Result<T, UnpackError> {
        T::unpack(self, mode).map_err(|error| error.in_field(owner, name))
    }

    /// Reads a count in `mode` and as many items, each by `item`.
    ///
    /// `min_size` is the fewest bytes an item takes. Memory grows with the items read.
    ///
    /// # Errors
    ///
    /// The count is malformed or more than what is left can hold, nesting is deeper than [`MAX_DEPTH`], an
    /// item takes no bytes (see [`lenient`](Self::lenient)), or an item's own error.
    pub fn list<T>(
        &mut self,
        mode: Mode,
        min_size: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, UnpackError>,
    ) -> Result<Vec<T>, UnpackError> {
        let count = self.count(mode, min_size)?;
        self.nested(|input| {
            // Reserves no more memory than the input has bytes left, whatever the size of an item.
            let room = input.rest.len() / size_of::<T>().max(1);
            let mut items = Vec::with_capacity(count.min(room));
            for index in 0..count {
                let before = input.rest.len();
                items.push(item(input).map_err(|error| error.in_item(index))?);
                if input.rest.len() == before {
                    input.count_empty_item().map_err(|error| error.in_item(index))?;
                }
            }
            Ok(items)
        })
    }

    /// Reads something one level deeper: for types that can contain themselves.
    ///
    /// # Errors
    ///
    /// Nesting is deeper than [`MAX_DEPTH`], or what `read` says.
    #[inline]
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, UnpackError>,
    ) -> Result<T, UnpackError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error("value", UnpackErrorKind::Depth { limit: MAX_DEPTH }));
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// Asserts that nothing is left.
    ///
    /// # Errors
    ///
    /// Bytes are left.
    pub fn finish(&self) -> Result<(), UnpackError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.error("input", UnpackErrorKind::Trailing { left })),
        }
    }

    /// An error about a value of type `what` at the present offset.
    #[cold]
    pub fn error(&self, what: &'static str, kind: UnpackErrorKind) -> UnpackError {
        UnpackError::new(what, self.offset(), kind)
    }

    /// Takes the `N` bytes of a fixed-width integer.
    #[inline]
    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], UnpackError> {
        match self.rest.split_first_chunk() {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(*head)
            }
            None => self.short_array(what),
        }
    }

    /// go-iproto takes an integer cut short as if zero bytes followed (I36).
    #[cold]
    fn short_array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], UnpackError> {
        let left = self.rest.len();
        if !self.lenient || left == 0 {
            return Err(self.error(what, UnpackErrorKind::End { needed: N, left }));
        }
        let mut padded = [0; N];
        padded[..left].copy_from_slice(self.rest);
        self.rest = &[];
        Ok(padded)
    }

    #[inline]
    fn length(&mut self, mode: Mode, what: &'static str) -> Result<u32, UnpackError> {
        match mode {
            Mode::Fixed => self.array(what).map(u32::from_le_bytes),
            Mode::Ber => self.ber(what),
        }
    }

    /// Takes a list's count and compares it with what is left.
    pub(crate) fn count(&mut self, mode: Mode, min_size: usize) -> Result<usize, UnpackError> {
        let at = self.offset();
        let announced = self.length(mode, "count")?;
        let left = self.rest.len();
        let min_size = match (self.lenient, min_size) {
            // Counted one by one while they are read.
            (true, 0) => return Ok(usize::try_from(announced).unwrap_or(usize::MAX)),
            // The last item may be cut short.
            (true, _) => 1,
            // Items without bytes are refused, so each takes at least one.
            (false, size) => size.max(1),
        };
        match usize::try_from(announced) {
            Ok(count) if count <= left / min_size => Ok(count),
            _ => Err(UnpackError::new("list", at, UnpackErrorKind::Count { announced, left, min_size })),
        }
    }

    fn count_empty_item(&mut self) -> Result<(), UnpackError> {
        let limit = if self.lenient { MAX_EMPTY_ITEMS } else { 0 };
        if self.empty_items >= limit {
            return Err(self.error("item", UnpackErrorKind::EmptyItem { limit }));
        }
        self.empty_items += 1;
        Ok(())
    }

    pub(crate) fn skip_to(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }
}

/// Out of line, so that the good case is small enough to inline.
#[cold]
fn too_long(at: usize, announced: u32, left: usize) -> UnpackError {
    UnpackError::new("bytes", at, UnpackErrorKind::Length { announced, left })
}

impl<'a> From<&'a [u8]> for Input<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::new(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Input<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::new(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Input<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl<'a> From<&'a Bytes> for Input<'a> {
    fn from(bytes: &'a Bytes) -> Self {
        Self::shared(bytes)
    }
}
