//! The macros of trunkline.
//!
//! In: the declaration of a type. Out: what its author would have written by hand, against public items
//! only. Use them through `trunkline` or `trunkline_pack`, which re-export them.

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

mod attrs;
mod krate;
mod pack;
mod service;
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

/// Makes a typed client and a router from one trait.
///
/// | attribute | on | means |
/// |---|---|---|
/// | `#[service]`, `#[service(json)]` | trait | the body format: `pack` (default), `json`, `msgpack`, `gob`, `auto` |
/// | `#[route(1)]`, `#[route("/add")]`, `#[route(1, "/add")]` | method | a call, and how it is reached |
/// | `#[notify(2)]` | method | a notification: returns nothing |
/// | `#[idempotent]` | method | a client may repeat it when the outcome is unknown |
///
/// A method takes `&self` and owned arguments: none travels as `()`, one as itself, several as a tuple. An argument of
/// type `Peer` does not travel: it is who asks. A method returns a value, or a `Result` of one whose error becomes a
/// `Fault`. The client, `new` and its methods are as visible as the trait. The expansion of
///
/// ```ignore
/// #[service]
/// trait Calculator {
///     #[route(1, "/add")]
///     async fn add(&self, a: u32, b: u32) -> Result<u32, Fault>;
/// }
/// ```
///
/// is
///
/// ```ignore
/// trait Calculator: Send + Sync + 'static {
///     fn add(&self, a: u32, b: u32) -> impl Future<Output = Result<u32, Fault>> + Send;
///
///     fn into_router(self) -> Router
///     where
///         Self: Sized,
///     {
///         let service = Arc::new(self);
///         Router::new().route(Route::from((1, "/add")), {
///             let service = service.clone();
///             move |request: Request<Packed<(u32, u32)>>| {
///                 let service = service.clone();
///                 async move {
///                     let Packed((a, b)) = request.body;
///                     service.add(a, b).await.map(Packed)
///                 }
///             }
///         })
///     }
/// }
///
/// #[derive(Clone, Debug)]
/// struct CalculatorClient<C = Client> {
///     caller: C,
/// }
///
/// impl<C: Caller> CalculatorClient<C> {
///     const fn new(caller: C) -> Self {
///         Self { caller }
///     }
///
///     async fn add(&self, a: u32, b: u32) -> Result<u32, Error> {
///         let Packed(answer) =
///             Caller::call::<Packed<u32>>(&self.caller, Route::from((1, "/add")), Packed((a, b))).await?;
///         Ok(answer)
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn service(format: TokenStream, item: TokenStream) -> TokenStream {
    let format = parse_macro_input!(format as service::Format);
    let item = parse_macro_input!(item as syn::ItemTrait);
    service::expand(&format, item).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn derive(input: &DeriveInput, expand: fn(&attrs::Container<'_>) -> proc_macro2::TokenStream) -> TokenStream {
    attrs::Container::read(input)
        .map_or_else(|error| error.into_compile_error(), |container| expand(&container))
        .into()
}
