//! `#[service]`: a trait becomes a typed client and a router.
//!
//! In: a trait whose methods name their routes. Out: the same trait with `impl Future + Send` in place of `async`, an
//! `into_router` method, and a client struct. What is generated calls public items of `trunkline` only.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, Ident, ItemTrait, LitInt, LitStr, Pat, ReceiverKind, Result, ReturnType,
    Signature, Token, TraitItem, TraitItemFn, Type,
};

/// The body wrapper of every method.
pub(crate) struct Format(Ident);

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
            _ => return Err(Error::new(name.span(), "the formats are pack, json, msgpack, gob and auto")),
        };
        Ok(Self(Ident::new(wrapper, name.span())))
    }
}

/// How a method is reached: `1`, `"/add"`, or both.
struct Route {
    number: Option<LitInt>,
    name: Option<LitStr>,
}

impl Parse for Route {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut route = Self { number: None, name: None };
        if input.peek(LitInt) {
            route.number = Some(input.parse()?);
            if input.is_empty() {
                return Ok(route);
            }
            input.parse::<Token![,]>()?;
        }
        route.name = Some(input.parse()?);
        Ok(route)
    }
}

impl Route {
    fn expr(&self) -> TokenStream {
        match (&self.number, &self.name) {
            (Some(number), Some(name)) => quote!(::trunkline::Route::from((#number, #name))),
            (Some(number), None) => quote!(::trunkline::Route::from(#number)),
            (None, Some(name)) => quote!(::trunkline::Route::from(#name)),
            (None, None) => quote!(::trunkline::Route::NONE),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Call,
    Notify,
}

/// One method, as the author declared it.
struct Method {
    docs: Vec<Attribute>,
    verb: Verb,
    route: Route,
    idempotent: bool,
    name: Ident,
    /// Arguments that travel.
    args: Vec<(Ident, Type)>,
    /// What the implementor is given, in order; the caller's `Peer` among it.
    given: Vec<(Ident, Type)>,
    output: Type,
    /// The value inside of a `Result`, or the output itself.
    value: Type,
    fallible: bool,
}

pub(crate) fn expand(format: &Format, item: ItemTrait) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return Err(Error::new(
            item.generics.span(),
            "a service trait takes no parameters: its types must be known",
        ));
    }
    let methods: Vec<Method> = item.items.iter().map(method).collect::<Result<_>>()?;
    let ItemTrait { attrs, vis, ident, supertraits, .. } = &item;
    let declared = methods.iter().map(declaration);
    let routes = methods.iter().map(|method| served(method, format));
    let calls = methods.iter().map(|method| called(method, format));
    let client = format_ident!("{ident}Client");
    let client_doc = format!("Calls a [`{ident}`] at the other end: over a `Client`, or over a `Peer`.");
    let bounds = if supertraits.is_empty() { quote!() } else { quote!(+ #supertraits) };
    Ok(quote! {
        #(#attrs)*
        #vis trait #ident: ::core::marker::Send + ::core::marker::Sync + 'static #bounds {
            #(#declared)*

            /// A router that answers with this.
            fn into_router(self) -> ::trunkline::Router
            where
                Self: ::core::marker::Sized,
            {
                let service = ::std::sync::Arc::new(self);
                ::trunkline::Router::new()#(#routes)*
            }
        }

        #[doc = #client_doc]
        #[derive(Clone, Debug)]
        #vis struct #client<C = ::trunkline::Client> {
            caller: C,
        }

        impl<C: ::trunkline::Caller> #client<C> {
            /// Calls through this client or peer.
            #vis const fn new(caller: C) -> Self {
                Self { caller }
            }

            #(#calls)*
        }
    })
}

fn method(item: &TraitItem) -> Result<Method> {
    let TraitItem::Fn(TraitItemFn { attrs, sig, default: None, .. }) = item else {
        return Err(Error::new(
            item.span(),
            "a service trait has async methods without bodies, and nothing else",
        ));
    };
    if sig.asyncness.is_none() {
        return Err(Error::new(sig.fn_token.span(), "a method of a service is async"));
    }
    let (mut docs, mut reached, mut idempotent) = (Vec::new(), None, false);
    for attr in attrs {
        if attr.path().is_ident("route") {
            reached = Some((Verb::Call, attr.parse_args()?));
        } else if attr.path().is_ident("notify") {
            reached = Some((Verb::Notify, attr.parse_args()?));
        } else if attr.path().is_ident("idempotent") {
            idempotent = true;
        } else {
            docs.push(attr.clone());
        }
    }
    let Some((verb, route)) = reached else {
        let what = "say how this method is reached: #[route(1)], #[route(\"/name\")], #[route(1, \"/name\")] or #[notify(..)]";
        return Err(Error::new(sig.ident.span(), what));
    };
    let given = arguments(sig)?;
    let args = given.iter().filter(|(_, ty)| !is_peer(ty)).cloned().collect();
    let output: Type = match &sig.output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    let inside = inside_result(&output);
    if verb == Verb::Notify && !matches!(&sig.output, ReturnType::Default) {
        return Err(Error::new(sig.output.span(), "nobody waits for the answer of a notification"));
    }
    Ok(Method {
        docs,
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

fn arguments(sig: &Signature) -> Result<Vec<(Ident, Type)>> {
    let mut inputs = sig.inputs.iter();
    match inputs.next() {
        Some(FnArg::Receiver(receiver)) if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {}
        _ => return Err(Error::new(sig.inputs.span(), "a method of a service takes &self first")),
    }
    inputs
        .map(|input| match input {
            FnArg::Typed(typed) => match &*typed.pat {
                Pat::Ident(name) if !matches!(&*typed.ty, Type::Reference(_)) => {
                    Ok((name.ident.clone(), (*typed.ty).clone()))
                }
                Pat::Ident(_) => {
                    Err(Error::new(typed.ty.span(), "an argument that travels is owned, not borrowed"))
                }
                _ => Err(Error::new(typed.pat.span(), "an argument needs a plain name")),
            },
            FnArg::Receiver(receiver) => Err(Error::new(receiver.span(), "unexpected self")),
        })
        .collect()
}

/// `Peer` is who asks; it does not travel.
fn is_peer(ty: &Type) -> bool {
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

fn declaration(method: &Method) -> TokenStream {
    let Method { docs, name, given, output, .. } = method;
    let (names, types): (Vec<_>, Vec<_>) = given.iter().cloned().unzip();
    quote! {
        #(#docs)*
        fn #name(&self, #(#names: #types),*) -> impl ::core::future::Future<Output = #output> + ::core::marker::Send;
    }
}

/// The arguments as one value: none is `()`, one is itself, several are a tuple.
fn together(args: &[(Ident, Type)]) -> (TokenStream, TokenStream) {
    let (names, types): (Vec<_>, Vec<_>) = args.iter().cloned().unzip();
    match args {
        [] => (quote!(()), quote!(())),
        [(name, ty)] => (quote!(#name), quote!(#ty)),
        _ => (quote!((#(#names),*)), quote!((#(#types),*))),
    }
}

/// `.route(..)` for the router.
fn served(method: &Method, Format(wrapper): &Format) -> TokenStream {
    let (value, ty) = together(&method.args);
    let route = method.route.expr();
    let name = &method.name;
    let given: Punctuated<TokenStream, Token![,]> = method
        .given
        .iter()
        .map(|(name, ty)| if is_peer(ty) { quote!(request.peer) } else { quote!(#name) })
        .collect();
    let answer = match (method.verb, method.fallible) {
        (Verb::Notify, _) => quote!(service.#name(#given).await),
        (Verb::Call, false) => quote!(::trunkline::#wrapper(service.#name(#given).await)),
        (Verb::Call, true) => quote!(service.#name(#given).await.map(::trunkline::#wrapper)),
    };
    quote! {
        .route(#route, {
            let service = service.clone();
            move |request: ::trunkline::Request<::trunkline::#wrapper<#ty>>| {
                let service = service.clone();
                async move {
                    let ::trunkline::#wrapper(#value) = request.body;
                    #answer
                }
            }
        })
    }
}

/// The client's method.
fn called(method: &Method, Format(wrapper): &Format) -> TokenStream {
    let Method { docs, name, args, value: answer, .. } = method;
    let (names, types): (Vec<_>, Vec<_>) = args.iter().cloned().unzip();
    let (body, _) = together(args);
    let route = method.route.expr();
    let idempotent = method.idempotent.then(|| quote!(.idempotent()));
    let error = quote!(::core::result::Result<#answer, ::trunkline::Error>);
    let send = match method.verb {
        Verb::Notify => {
            quote!(::trunkline::Caller::notify(&self.caller, #route, ::trunkline::#wrapper(#body)).await)
        }
        Verb::Call => quote! {
            let ::trunkline::#wrapper(answer) = ::trunkline::Caller::call::<::trunkline::#wrapper<#answer>>(
                &self.caller, #route, ::trunkline::#wrapper(#body),
            )#idempotent.await?;
            ::core::result::Result::Ok(answer)
        },
    };
    quote! {
        #(#docs)*
        pub async fn #name(&self, #(#names: #types),*) -> #error {
            #send
        }
    }
}
