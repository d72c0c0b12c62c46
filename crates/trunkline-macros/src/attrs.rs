//! What a declaration and its `#[pack(…)]` attributes say.
//!
//! In: a `DeriveInput`. Out: a [`Container`] that both derives expand, or an error at the place of the
//! mistake. Every rule about attributes and tags is kept here.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DataEnum, DeriveInput, Error, Expr, ExprLit, Fields, Generics, Ident, Lit, LitInt,
    Member, Path, Result, Token, Type,
};

use crate::krate;

/// A type to derive for.
pub(crate) struct Container<'d> {
    pub(crate) krate: Path,
    pub(crate) ident: &'d Ident,
    pub(crate) generics: &'d Generics,
    pub(crate) body: Body<'d>,
}

pub(crate) enum Body<'d> {
    Struct(Vec<Field<'d>>),
    Enum { tag: Tag, variants: Vec<Variant<'d>> },
}

/// The integer before an enum's fields.
pub(crate) struct Tag {
    pub(crate) ty: Ident,
    pub(crate) ber: bool,
}

pub(crate) struct Variant<'d> {
    pub(crate) ident: &'d Ident,
    pub(crate) tag: LitInt,
    pub(crate) fields: Vec<Field<'d>>,
}

pub(crate) struct Field<'d> {
    pub(crate) member: Member,
    pub(crate) ty: &'d Type,
    pub(crate) ber: bool,
}

impl Field<'_> {
    /// Errors are shown at the field's type; names mean what they mean in the expansion.
    pub(crate) fn span(&self) -> Span {
        self.ty.span().resolved_at(Span::call_site())
    }
}

impl<'d> Container<'d> {
    pub(crate) fn read(input: &'d DeriveInput) -> Result<Self> {
        let attrs = TypeAttrs::read(&input.attrs)?;
        let body = match &input.data {
            Data::Struct(data) => {
                if let Some(tag) = attrs.tag {
                    return Err(Error::new(tag.span(), "only an enum has a tag"));
                }
                if let Some(ber) = attrs.ber {
                    return Err(Error::new(
                        ber,
                        "`ber` goes on a field: the mode of a struct is that of each field",
                    ));
                }
                Body::Struct(fields(&data.fields)?)
            }
            Data::Enum(data) => {
                let Some(ty) = attrs.tag else {
                    return Err(Error::new(
                        input.ident.span(),
                        "an enum needs the type of its tag: add `#[pack(tag = u8)]` (or u16, u32, u64)",
                    ));
                };
                let variants = variants(data, &ty)?;
                Body::Enum { tag: Tag { ty, ber: attrs.ber.is_some() }, variants }
            }
            Data::Union(data) => {
                return Err(Error::new(
                    data.union_token.span,
                    "a union cannot be packed: nothing says which field is set",
                ));
            }
        };
        let krate = attrs.krate.unwrap_or_else(krate::pack);
        Ok(Self { krate, ident: &input.ident, generics: &input.generics, body })
    }
}

/// `#[pack(crate = path, tag = u8, ber)]` on a type.
#[derive(Default)]
struct TypeAttrs {
    krate: Option<Path>,
    tag: Option<Ident>,
    ber: Option<Span>,
}

impl TypeAttrs {
    fn read(attrs: &[Attribute]) -> Result<Self> {
        let mut found = Self::default();
        each(attrs, |meta| {
            if meta.path.is_ident("crate") {
                once(&mut found.krate, meta.value()?.call(Path::parse_mod_style)?, &meta)
            } else if meta.path.is_ident("tag") {
                once(&mut found.tag, tag_type(&meta)?, &meta)
            } else if meta.path.is_ident("ber") {
                once(&mut found.ber, meta.path.span(), &meta)
            } else {
                Err(meta.error(
                    "unknown here: a type takes `crate = path` and, if it is an enum, `tag = u8` and `ber`",
                ))
            }
        })?;
        Ok(found)
    }
}

fn tag_type(meta: &ParseNestedMeta<'_>) -> Result<Ident> {
    const WRONG: &str = "the type of a tag is u8, u16, u32 or u64";
    let value = meta.value()?;
    let ty: Ident = value.parse().map_err(|error| Error::new(error.span(), WRONG))?;
    if width(&ty).is_none() {
        return Err(Error::new(ty.span(), WRONG));
    }
    Ok(ty)
}

fn width(ty: &Ident) -> Option<u32> {
    match ty.to_string().as_str() {
        "u8" => Some(8),
        "u16" => Some(16),
        "u32" => Some(32),
        "u64" => Some(64),
        _ => None,
    }
}

fn variants<'d>(data: &'d DataEnum, ty: &Ident) -> Result<Vec<Variant<'d>>> {
    let mut seen: Vec<(u64, &Ident)> = Vec::new();
    let mut variants = Vec::new();
    for variant in &data.variants {
        let tag = variant_tag(variant)?;
        let value = tag_value(&tag, ty)?;
        if let Some((_, other)) = seen.iter().find(|(taken, _)| *taken == value) {
            return Err(Error::new(tag.span(), format!("tag {value} is already that of `{other}`")));
        }
        seen.push((value, &variant.ident));
        variants.push(Variant { ident: &variant.ident, tag, fields: fields(&variant.fields)? });
    }
    Ok(variants)
}

/// `#[pack(tag = 1)]`, or the discriminant `= 1`.
fn variant_tag(variant: &syn::Variant) -> Result<LitInt> {
    let mut found = None;
    each(&variant.attrs, |meta| {
        if !meta.path.is_ident("tag") {
            return Err(meta.error("unknown here: a variant takes `tag = 1`"));
        }
        let expr: Expr = meta.value()?.parse()?;
        once(&mut found, int(&expr)?, &meta)
    })?;
    match (found, &variant.discriminant) {
        (Some(tag), None) => Ok(tag),
        (None, Some((_, expr))) => int(expr),
        (Some(tag), Some(_)) => Err(Error::new(tag.span(), "two tags: the variant has a discriminant too")),
        (None, None) => Err(Error::new(
            variant.ident.span(),
            format!("variant `{}` needs a tag: write `#[pack(tag = 1)]` above it", variant.ident),
        )),
    }
}

fn int(expr: &Expr) -> Result<LitInt> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => Ok(int.clone()),
        _ => Err(Error::new(expr.span(), "a tag is an integer literal of at least 0")),
    }
}

fn tag_value(tag: &LitInt, ty: &Ident) -> Result<u64> {
    let wrong = || Error::new(tag.span(), format!("tag {tag} does not fit {ty}"));
    let value: u64 = tag.base10_parse().map_err(|_| wrong())?;
    let max = width(ty).map_or(u64::MAX, |bits| u64::MAX >> (64 - bits));
    if value > max {
        return Err(wrong());
    }
    Ok(value)
}

fn fields(fields: &Fields) -> Result<Vec<Field<'_>>> {
    fields
        .members()
        .zip(fields)
        .map(|(member, field)| {
            let mut ber = None;
            each(&field.attrs, |meta| {
                if !meta.path.is_ident("ber") {
                    return Err(meta.error("unknown here: a field takes `ber`"));
                }
                if meta.input.peek(Token![=]) {
                    return Err(meta.error("`ber` takes no value"));
                }
                once(&mut ber, (), &meta)
            })?;
            Ok(Field { member, ty: &field.ty, ber: ber.is_some() })
        })
        .collect()
}

/// Calls `read` for each item of each `#[pack(…)]`.
fn each(attrs: &[Attribute], mut read: impl FnMut(ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("pack"))
        .try_for_each(|attr| attr.parse_nested_meta(&mut read))
}

fn once<T>(place: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if place.is_some() {
        return Err(meta.error("said twice"));
    }
    *place = Some(value);
    Ok(())
}
