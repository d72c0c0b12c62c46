//! The expansion of `#[derive(Unpack)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{GenericParam, Generics, Ident, Lifetime, LifetimeParam, LitInt, Path, parse_quote};

use crate::attrs::{Body, Container, Field, Tag, Variant};
use crate::pack::{mode, name};

pub(crate) fn expand(container: &Container<'_>) -> TokenStream {
    let Container { krate, ident, generics, body } = container;
    let input = Lifetime::new("'__input", Span::call_site());
    let bounded = bound(krate, generics, &input);
    let (impl_generics, _, where_clause) = bounded.split_for_impl();
    let (_, ty_generics, _) = generics.split_for_impl();
    let (min_size, value) = match body {
        Body::Struct(fields) => {
            let built = build(krate, &quote!(Self), &ident.unraw().to_string(), fields);
            (min_size(krate, &input, fields), quote!(::core::result::Result::Ok(#built)))
        }
        Body::Enum { tag, variants } => {
            (enum_min_size(krate, &input, tag, variants), enum_value(krate, ident, tag, variants))
        }
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Unpack<#input> for #ident #ty_generics #where_clause {
            const MIN_SIZE: usize = #min_size;

            #[inline]
            fn unpack(
                input: &mut #krate::Input<#input>,
                _: #krate::Mode,
            ) -> ::core::result::Result<Self, #krate::UnpackError> {
                #value
            }
        }
    }
}

/// The input outlives every lifetime of the type; every type parameter can be read from it.
fn bound(krate: &Path, generics: &Generics, input: &Lifetime) -> Generics {
    let mut generics = generics.clone();
    let mut outlives = LifetimeParam::new(input.clone());
    for param in &mut generics.params {
        match param {
            GenericParam::Lifetime(param) => outlives.bounds.push(param.lifetime.clone()),
            GenericParam::Type(param) => param.bounds.push(parse_quote!(#krate::Unpack<#input>)),
            GenericParam::Const(_) => {}
        }
    }
    generics.params.insert(0, GenericParam::Lifetime(outlives));
    generics
}

fn enum_value(krate: &Path, ident: &Ident, tag: &Tag, variants: &[Variant<'_>]) -> TokenStream {
    let Tag { ty, ber } = tag;
    let tag_mode = mode(krate, *ber);
    let enum_name = ident.unraw().to_string();
    let arms = variants.iter().map(|variant| {
        let Variant { ident: name, tag, fields } = variant;
        let tag = LitInt::new(tag.base10_digits(), tag.span());
        let built = build(krate, &quote!(Self::#name), &format!("{enum_name}::{}", name.unraw()), fields);
        quote!(#tag => ::core::result::Result::Ok(#built),)
    });
    quote! {
        let at = input.offset();
        let tag: #ty = #krate::Unpack::unpack(input, #tag_mode)?;
        match tag {
            #(#arms)*
            _ => ::core::result::Result::Err(#krate::export::unknown_tag(#enum_name, at, tag.into())),
        }
    }
}

/// `Self { a: …, b: … }`, which is also how a tuple (`0: …`) or unit struct can be built.
fn build(krate: &Path, constructor: &TokenStream, owner: &str, fields: &[Field<'_>]) -> TokenStream {
    let fields = fields.iter().map(|field| {
        let Field { member, ty, ber } = field;
        let (mode, name) = (mode(krate, *ber), name(member));
        quote_spanned!(field.span()=> #member: input.field::<#ty>(#owner, #name, #mode)?,)
    });
    quote!(#constructor { #(#fields)* })
}

fn min_size(krate: &Path, input: &Lifetime, fields: &[Field<'_>]) -> TokenStream {
    let sizes = fields.iter().map(|field| {
        let ty = field.ty;
        let size = quote_spanned!(field.span()=> <#ty as #krate::Unpack<#input>>::MIN_SIZE);
        if field.ber { quote!(#krate::export::min_ber_size(#size)) } else { size }
    });
    quote!(0 #(+ #sizes)*)
}

fn enum_min_size(krate: &Path, input: &Lifetime, tag: &Tag, variants: &[Variant<'_>]) -> TokenStream {
    let ty = &tag.ty;
    let tag_size = if tag.ber { quote!(1) } else { quote!(<#ty as #krate::Unpack<#input>>::MIN_SIZE) };
    let variants = variants.iter().map(|variant| min_size(krate, input, &variant.fields));
    quote!(#tag_size + #krate::export::least(&[#(#variants),*]))
}
