//! The macros of trunkline.
//!
//! In: the declaration of a type. Out: what its author would have written by hand, against public items
//! only. Use them through `trunkline` or `trunkline_pack`, which re-export them.

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

mod attrs;
mod krate;
mod pack;
mod unpack;

/// Derives `Pack` for a struct or enum: its fields in order, without framing.
///
/// | attribute | on | means |
/// |---|---|---|
/// | `#[pack(ber)]` | field | the integer, length or count of this field is BER |
/// | `#[pack(tag = u8)]` | enum | the type of the tag before a variant's fields: `u8`, `u16`, `u32` or `u64` |
/// | `#[pack(tag = u32, ber)]` | enum | that tag in BER |
/// | `#[pack(tag = 1)]` | variant | its tag; an enum without any fields may say `Name = 1` instead |
/// | `#[pack(crate = path)]` | type | where to find `trunkline_pack`, if not where the manifest says |
///
/// Every type parameter is bound by `Pack`. The expansion of
///
/// ```ignore
/// #[derive(Pack)]
/// struct Message {
///     #[pack(ber)]
///     count: u32,
///     name: String,
/// }
/// ```
///
/// is
///
/// ```ignore
/// impl Pack for Message {
///     fn pack(&self, out: &mut Vec<u8>, _: Mode) -> Result<(), PackError> {
///         pack_field(&self.count, out, Mode::Ber, "Message", "count")?;
///         pack_field(&self.name, out, Mode::Fixed, "Message", "name")?;
///         Ok(())
///     }
/// }
/// ```
#[proc_macro_derive(Pack, attributes(pack))]
pub fn derive_pack(input: TokenStream) -> TokenStream {
    derive(&parse_macro_input!(input), pack::expand)
}

/// Derives `Unpack` for a struct or enum; the attributes are those of `Pack`.
///
/// The type may borrow from the input: each of its lifetimes must be outlived by the input's. Every type
/// parameter is bound by `Unpack`. A tag that no variant has is an error.
#[proc_macro_derive(Unpack, attributes(pack))]
pub fn derive_unpack(input: TokenStream) -> TokenStream {
    derive(&parse_macro_input!(input), unpack::expand)
}

fn derive(input: &DeriveInput, expand: fn(&attrs::Container<'_>) -> proc_macro2::TokenStream) -> TokenStream {
    attrs::Container::read(input)
        .map_or_else(|error| error.into_compile_error(), |container| expand(&container))
        .into()
}
