//! The expansion of `#[derive(Pack)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{GenericParam, Generics, Ident, Member, Path, parse_quote};

use crate::attrs::{Body, Container, Field, Tag, Variant};

pub(crate) fn expand(container: &Container<'_>) -> TokenStream {
    let Container { krate, ident, generics, body } = container;
    let generics = bound(krate, generics);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let statements = match body {
        Body::Struct(fields) => struct_body(krate, ident, fields),
        Body::Enum { tag, variants } => enum_body(krate, ident, tag, variants),
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Pack for #ident #ty_generics #where_clause {
            #[inline]
            fn pack(
                &self,
                out: &mut ::std::vec::Vec<u8>,
                _: #krate::Mode,
            ) -> ::core::result::Result<(), #krate::PackError> {
                #statements
            }
        }
    }
}

fn bound(krate: &Path, generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            param.bounds.push(parse_quote!(#krate::Pack));
        }
    }
    generics
}

fn struct_body(krate: &Path, ident: &Ident, fields: &[Field<'_>]) -> TokenStream {
    let owner = ident.unraw().to_string();
    let fields = fields.iter().map(|field| {
        let member = &field.member;
        pack_field(krate, field, &quote_spanned!(field.span()=> &self.#member), &owner)
    });
    quote!(#(#fields)* ::core::result::Result::Ok(()))
}

fn enum_body(krate: &Path, ident: &Ident, tag: &Tag, variants: &[Variant<'_>]) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let Variant { ident: name, tag: value, fields } = variant;
        let owner = format!("{}::{}", ident.unraw(), name.unraw());
        let members = fields.iter().map(|field| &field.member);
        let places: Vec<_> = (0..fields.len()).map(|index| format_ident!("field_{index}")).collect();
        let tag_mode = mode(krate, tag.ber);
        let tag_type = &tag.ty;
        let tag_literal = syn::LitInt::new(value.base10_digits(), value.span());
        let statements = fields
            .iter()
            .zip(&places)
            .map(|(field, place)| pack_field(krate, field, &quote_spanned!(field.span()=> #place), &owner));
        quote! {
            Self::#name { #(#members: #places),* } => {
                let tag: #tag_type = #tag_literal;
                #krate::Pack::pack(&tag, out, #tag_mode)?;
                #(#statements)*
            }
        }
    });
    if variants.is_empty() {
        return quote!(match *self {});
    }
    quote!(match self { #(#arms)* } ::core::result::Result::Ok(()))
}

/// Spanned at the field's type, so that a type without a packed form is reported there.
fn pack_field(krate: &Path, field: &Field<'_>, value: &TokenStream, owner: &str) -> TokenStream {
    let mode = mode(krate, field.ber);
    let name = name(&field.member);
    quote_spanned!(field.span()=> #krate::export::pack_field(#value, out, #mode, #owner, #name)?;)
}

pub(crate) fn mode(krate: &Path, ber: bool) -> TokenStream {
    if ber { quote!(#krate::Mode::Ber) } else { quote!(#krate::Mode::Fixed) }
}

/// A field as an error names it.
pub(crate) fn name(member: &Member) -> String {
    match member {
        Member::Named(ident) => ident.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
