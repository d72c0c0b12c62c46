//! What the author of a service wrote, read and checked.
//!
//! In: the trait as syntax. Out: a [`Method`] each, or errors at the place of the mistake, all of them at once.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, Ident, ItemTrait, LitInt, LitStr, Pat, ReceiverKind, Result, ReturnType,
    Signature, Token, TraitItem, TraitItemFn, Type,
};

/// What every service and its client have of their own, so that no method may be called so.
const TAKEN: [&str; 2] = ["new", "into_router"];

/// The body wrapper of every method.
pub(crate) struct Format(pub(super) Ident);

impl Parse for Format {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() {
            return Ok(Self(format_ident!("Packed")));
        }
        let name: Ident = input.parse()?;
        let wrapper = match name.to_string().as_str() {
            "pack" => "Packed",
            "json" => "Json",
            "msgpack" => "Msgpack",
            "gob" => "Gob",
            "auto" => "Auto",
            other => {
                let what =
                    format!("`{other}` is no body format: there are pack, json, msgpack, gob and auto");
                return Err(Error::new(name.span(), what));
            }
        };
        Ok(Self(Ident::new(wrapper, name.span())))
    }
}

/// How a method is reached: `1`, `"/add"`, or both.
pub(super) struct Route {
    pub(super) number: Option<LitInt>,
    pub(super) name: Option<LitStr>,
}

impl Parse for Route {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut route = Self { number: None, name: None };
        if input.peek(LitInt) {
            let number: LitInt = input.parse()?;
            number.base10_parse::<u32>().map_err(|_| {
                Error::new(number.span(), format!("the number of a route is from 0 to {}", u32::MAX))
            })?;
            route.number = Some(number);
            if input.is_empty() {
                return Ok(route);
            }
            input.parse::<Token![,]>()?;
        }
        let expected =
            "a route is a number, a name, or a number and a name: `1`, `\"/name\"`, `1, \"/name\"`";
        route.name = Some(input.parse().map_err(|error: Error| Error::new(error.span(), expected))?);
        if input.is_empty() { Ok(route) } else { Err(input.error(expected)) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Call,
    Notify,
}

/// One method, as the author declared it.
pub(super) struct Method {
    /// Everything but the attributes of ours: documentation above all.
    pub(super) attrs: Vec<Attribute>,
    pub(super) verb: Verb,
    pub(super) route: Route,
    pub(super) idempotent: bool,
    pub(super) name: Ident,
    /// Arguments that travel.
    pub(super) args: Vec<(Ident, Type)>,
    /// What the implementor is given, in order; the caller's `Peer` among it.
    pub(super) given: Vec<(Ident, Type)>,
    pub(super) output: Type,
    /// The value inside of a `Result`, or the output itself.
    pub(super) value: Type,
    pub(super) fallible: bool,
}

/// The methods of a service, or every mistake in it.
pub(super) fn methods(item: &ItemTrait) -> Result<Vec<Method>> {
    let mut mistakes: Option<Error> = None;
    let mut add = |error: Error| match &mut mistakes {
        Some(mistakes) => mistakes.combine(error),
        None => mistakes = Some(error),
    };
    if !item.generics.params.is_empty() {
        add(Error::new(
            item.generics.span(),
            "a service takes no parameters: both ends must know the types that travel",
        ));
    }
    let mut methods = Vec::new();
    let mut routes = HashSet::new();
    for item in &item.items {
        match method(item) {
            Ok(method) => {
                add_route(&method.route, &mut routes).unwrap_or_else(&mut add);
                methods.push(method);
            }
            Err(error) => add(error),
        }
    }
    mistakes.map_or(Ok(methods), Err)
}

/// Two methods at one route would be an error when the server starts; here it has a place.
fn add_route(route: &Route, routes: &mut HashSet<String>) -> Result<()> {
    let number = route.number.as_ref().map(|number| (number.span(), number.base10_digits().to_owned()));
    let name = route.name.as_ref().map(|name| (name.span(), format!("{:?}", name.value())));
    for (span, text) in number.into_iter().chain(name) {
        let what = format!("{text} is the route of another method, too");
        if !routes.insert(text) {
            return Err(Error::new(span, what));
        }
    }
    Ok(())
}

fn method(item: &TraitItem) -> Result<Method> {
    let TraitItem::Fn(TraitItemFn { attrs, sig, default: None, .. }) = item else {
        return Err(Error::new(item.span(), "a service has async methods without bodies, and nothing else"));
    };
    signature(sig)?;
    let Attributes { others, reached, idempotent } = Attributes::read(attrs)?;
    let Some((verb, route)) = reached else {
        let what = "say how this method is reached: `#[route(1)]`, `#[route(\"/name\")]`, \
                    `#[route(1, \"/name\")]`, or `#[notify(..)]` where nobody waits for an answer";
        return Err(Error::new(sig.ident.span(), what));
    };
    let given = arguments(sig)?;
    let args = given.iter().filter(|(_, ty)| !is_peer(ty)).cloned().collect();
    let output: Type = match &sig.output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    if verb == Verb::Notify {
        if let ReturnType::Type(_, ty) = &sig.output {
            let what =
                "a notification returns nothing: nobody waits for its answer; use `#[route(..)]` for a call";
            return Err(Error::new(ty.span(), what));
        }
        if idempotent {
            return Err(Error::new(sig.ident.span(), "a notification is never repeated"));
        }
    }
    let inside = inside_result(&output);
    Ok(Method {
        attrs: others,
        verb,
        route,
        idempotent,
        name: sig.ident.clone(),
        args,
        given,
        value: inside.clone().unwrap_or_else(|| output.clone()),
        fallible: inside.is_some(),
        output,
    })
}

/// What must hold for the signature as a whole.
fn signature(sig: &Signature) -> Result<()> {
    if sig.asyncness.is_none() {
        return Err(Error::new(sig.fn_token.span(), "a method of a service is async"));
    }
    if !sig.generics.params.is_empty() {
        return Err(Error::new(
            sig.generics.span(),
            "a method of a service takes no parameters: both ends must know the types that travel",
        ));
    }
    if TAKEN.iter().any(|taken| sig.ident == taken) {
        let what =
            format!("`{}` is a method that every service or client has: choose another name", sig.ident);
        return Err(Error::new(sig.ident.span(), what));
    }
    match &sig.output {
        ReturnType::Type(_, ty) if borrows(ty.to_token_stream()) => {
            Err(Error::new(ty.span(), "what travels back is owned, not borrowed"))
        }
        _ => Ok(()),
    }
}

/// The attributes of a method: ours, and the others.
struct Attributes {
    others: Vec<Attribute>,
    reached: Option<(Verb, Route)>,
    idempotent: bool,
}

impl Attributes {
    fn read(attrs: &[Attribute]) -> Result<Self> {
        let mut read = Self { others: Vec::new(), reached: None, idempotent: false };
        for attr in attrs {
            let path = attr.path();
            let verb = match () {
                () if path.is_ident("route") => Verb::Call,
                () if path.is_ident("notify") => Verb::Notify,
                () if path.is_ident("idempotent") => {
                    attr.meta.require_path_only()?;
                    read.idempotent = true;
                    continue;
                }
                () if path.is_ident("cfg") => {
                    let what = "the methods of a service are not conditional: both ends must know them all";
                    return Err(Error::new(attr.span(), what));
                }
                () => {
                    read.others.push(attr.clone());
                    continue;
                }
            };
            if read.reached.replace((verb, attr.parse_args()?)).is_some() {
                return Err(Error::new(attr.span(), "a method has one route"));
            }
        }
        Ok(read)
    }
}

fn arguments(sig: &Signature) -> Result<Vec<(Ident, Type)>> {
    let mut inputs = sig.inputs.iter();
    match inputs.next() {
        Some(FnArg::Receiver(receiver)) if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {}
        Some(first) => return Err(Error::new(first.span(), "a method of a service takes `&self` first")),
        None => return Err(Error::new(sig.ident.span(), "a method of a service takes `&self` first")),
    }
    inputs
        .map(|input| match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(_) if borrows(typed.ty.to_token_stream()) => Err(Error::new(
                    typed.ty.span(),
                    "an argument travels, so it is owned: `String`, `Vec<T>` or `Bytes` instead of a reference",
                )),
                Pat::Ident(_) if matches!(&*typed.ty, Type::ImplTrait(_)) => {
                    Err(Error::new(typed.ty.span(), "an argument has one type, which both ends know"))
                }
                Pat::Ident(name) => Ok((name.ident.clone(), (*typed.ty).clone())),
                _ => Err(Error::new(typed.pat.span(), "an argument needs a plain name")),
            },
            FnArg::Receiver(receiver) => Err(Error::new(receiver.span(), "unexpected self")),
        })
        .collect()
}

/// Whether there is a reference or a lifetime other than `'static` anywhere in a type.
fn borrows(ty: TokenStream) -> bool {
    let mut after_quote = false;
    ty.into_iter().any(|token| match token {
        TokenTree::Punct(punct) => {
            after_quote = punct.as_char() == '\'';
            punct.as_char() == '&'
        }
        TokenTree::Ident(ident) => std::mem::take(&mut after_quote) && ident != "static",
        TokenTree::Group(group) => borrows(group.stream()),
        TokenTree::Literal(_) => false,
    })
}

/// `Peer` is who asks; it does not travel.
pub(super) fn is_peer(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Peer"))
}

fn inside_result(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Result")?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        syn::GenericArgument::Type(inside) => Some(inside.clone()),
        _ => None,
    }
}
