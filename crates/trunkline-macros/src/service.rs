//! `#[service]`: a trait becomes a typed client and a router.
//!
//! In: a trait whose methods name their routes; `declared` reads it. Out: the same trait with `impl Future + Send` in
//! place of `async`, an `into_router` method, and a client struct. What is generated calls public items of `trunkline`
//! only, is as visible as the trait, and may be used in part: some crates only serve, some only call.

mod declared;

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, ItemTrait, Path, Result, Token, Type, Visibility, parse_quote};

pub(crate) use declared::Format;
use declared::{Method, Route, Verb, is_peer};

/// The names that the expansion of one service uses.
struct Names<'a> {
    /// `trunkline`, whatever it is called in the manifest.
    trunkline: Path,
    /// The wrapper of every body.
    wrapper: &'a Ident,
    vis: &'a Visibility,
    service: &'a Ident,
}

pub(crate) fn expand(format: &Format, item: ItemTrait) -> Result<TokenStream> {
    let methods = declared::methods(&item)?;
    let ItemTrait { attrs, vis, ident, supertraits, .. } = &item;
    let names = Names { trunkline: crate::krate::trunkline(), wrapper: &format.0, vis, service: ident };
    let declared = methods.iter().map(declaration);
    let routes = methods.iter().map(|method| names.served(method));
    let calls = methods.iter().map(|method| names.called(method));
    let client = format_ident!("{ident}Client");
    let client_doc = format!("Calls a [`{ident}`] at the other end: over a `Client`, or over a `Peer`.");
    let bounds = if supertraits.is_empty() { quote!() } else { quote!(+ #supertraits) };
    let trunkline = &names.trunkline;
    let mixed = Ident::new("service", Span::mixed_site());
    Ok(quote! {
        #(#attrs)*
        #[allow(dead_code, reason = "a crate may only call")]
        #vis trait #ident: ::core::marker::Send + ::core::marker::Sync + 'static #bounds {
            #(#declared)*

            /// A router that answers with this.
            fn into_router(self) -> #trunkline::Router
            where
                Self: ::core::marker::Sized,
            {
                let #mixed = ::std::sync::Arc::new(self);
                #trunkline::Router::new()#(#routes)*
            }
        }

        #[doc = #client_doc]
        #[allow(dead_code, reason = "a crate may only serve")]
        #[derive(Clone, Debug)]
        #vis struct #client<C = #trunkline::Client> {
            caller: C,
        }

        #[allow(dead_code, reason = "a crate may only serve")]
        impl<C: #trunkline::Caller> #client<C> {
            /// Calls through this client or peer.
            #vis const fn new(caller: C) -> Self {
                Self { caller }
            }

            #(#calls)*
        }
    })
}

fn declaration(method: &Method) -> TokenStream {
    let Method { attrs, name, given, output, .. } = method;
    let (names, types): (Vec<_>, Vec<_>) = given.iter().cloned().unzip();
    quote! {
        #(#attrs)*
        fn #name(&self, #(#names: #types),*) -> impl ::core::future::Future<Output = #output> + ::core::marker::Send;
    }
}

/// The arguments as one value: none is `()`, one is itself, several are a tuple.
fn together(args: &[(Ident, Type)]) -> (TokenStream, Type) {
    let (names, types): (Vec<_>, Vec<_>) = args.iter().cloned().unzip();
    match args {
        [] => (quote!(()), parse_quote!(())),
        [(name, ty)] => (quote!(#name), ty.clone()),
        _ => (quote!((#(#names),*)), parse_quote!((#(#types),*))),
    }
}

impl Names<'_> {
    /// `Packed<T>`, placed where the type stands, so that the compiler points there when it cannot travel.
    fn body(&self, ty: &Type) -> TokenStream {
        let Self { trunkline, wrapper, .. } = self;
        let place = Span::call_site().located_at(ty.span());
        let path = quote!(#trunkline::#wrapper).into_iter().map(|mut token| {
            token.set_span(place);
            token
        });
        let path: TokenStream = path.collect();
        quote_spanned!(place=> #path<#ty>)
    }

    fn route(&self, route: &Route) -> TokenStream {
        let trunkline = &self.trunkline;
        match (&route.number, &route.name) {
            (Some(number), Some(name)) => quote!(#trunkline::Route::from((#number, #name))),
            (Some(number), None) => quote!(#trunkline::Route::from(#number)),
            (None, Some(name)) => quote!(#trunkline::Route::from(#name)),
            (None, None) => quote!(#trunkline::Route::NONE),
        }
    }

    /// `.route(..)` for the router. What it calls its own cannot be confused with an argument: it is `mixed_site`.
    fn served(&self, method: &Method) -> TokenStream {
        let Self { trunkline, wrapper, .. } = self;
        let (value, ty) = together(&method.args);
        let (route, body) = (self.route(&method.route), self.body(&ty));
        let name = &method.name;
        let service = Ident::new("service", Span::mixed_site());
        let request = Ident::new("request", Span::mixed_site());
        let given: Punctuated<TokenStream, Token![,]> = method
            .given
            .iter()
            .map(|(name, ty)| if is_peer(ty) { quote!(#request.peer) } else { quote!(#name) })
            .collect();
        let answer = match (method.verb, method.fallible) {
            (Verb::Notify, _) => quote!(#service.#name(#given).await),
            (Verb::Call, false) => quote!(#trunkline::#wrapper(#service.#name(#given).await)),
            (Verb::Call, true) => quote!(#service.#name(#given).await.map(#trunkline::#wrapper)),
        };
        quote! {
            .route(#route, {
                let #service = #service.clone();
                move |#request: #trunkline::Request<#body>| {
                    let #service = #service.clone();
                    async move {
                        let #trunkline::#wrapper(#value) = #request.body;
                        #answer
                    }
                }
            })
        }
    }

    /// The client's method.
    fn called(&self, method: &Method) -> TokenStream {
        let Self { trunkline, wrapper, vis, .. } = self;
        let Method { attrs, name, args, value: answer, .. } = method;
        let (names, types): (Vec<_>, Vec<_>) = args.iter().cloned().unzip();
        let (body, _) = together(args);
        let route = self.route(&method.route);
        let idempotent = method.idempotent.then(|| quote!(.idempotent()));
        let result = match method.verb {
            Verb::Notify => quote!(()),
            Verb::Call => quote!(#answer),
        };
        let send = match method.verb {
            Verb::Notify => {
                quote!(#trunkline::Caller::notify(&self.caller, #route, #trunkline::#wrapper(#body)).await)
            }
            Verb::Call => {
                let wanted = self.body(answer);
                quote! {
                    let #trunkline::#wrapper(answer) = #trunkline::Caller::call::<#wanted>(
                        &self.caller, #route, #trunkline::#wrapper(#body),
                    )#idempotent.await?;
                    ::core::result::Result::Ok(answer)
                }
            }
        };
        let doc = self.doc(method);
        quote! {
            #(#attrs)*
            #doc
            #vis async fn #name(&self, #(#names: #types),*) -> ::core::result::Result<#result, #trunkline::Error> {
                #send
            }
        }
    }

    /// A line for the client's method where the author wrote none: `missing_docs` shall complain once, at the trait.
    fn doc(&self, method: &Method) -> Option<TokenStream> {
        let is_doc = |attr: &Attribute| attr.path().is_ident("doc");
        let text = format!("Calls [`{}::{}`] at the other end.", self.service, method.name);
        (!method.attrs.iter().any(is_doc)).then(|| quote!(#[doc = #text]))
    }
}
