//! Where the expansion finds `trunkline_pack` and `trunkline`.
//!
//! The manifest of the crate being compiled tells: `trunkline-pack` itself, or else as `pack` inside
//! `trunkline`. Renamed dependencies are found too.

use proc_macro_crate::{Error, FoundCrate, crate_name};
use proc_macro2::Span;
use syn::{Ident, Path, parse_quote};

pub(crate) fn pack() -> Path {
    locate(crate_name("trunkline-pack"), || crate_name("trunkline"))
}

/// `trunkline` itself, for services.
pub(crate) fn trunkline() -> Path {
    match crate_name("trunkline") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            parse_quote!(::#name)
        }
        // The compiler's message about this path says what is missing, if it is.
        Ok(FoundCrate::Itself) | Err(_) => parse_quote!(::trunkline),
    }
}

fn locate(pack: Result<FoundCrate, Error>, trunkline: impl FnOnce() -> Result<FoundCrate, Error>) -> Path {
    // A crate's own tests, examples and docs name it like anyone else.
    match pack {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            return parse_quote!(::#name);
        }
        Ok(FoundCrate::Itself) => return parse_quote!(::trunkline_pack),
        Err(_) => {}
    }
    match trunkline() {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            parse_quote!(::#name::pack)
        }
        Ok(FoundCrate::Itself) => parse_quote!(::trunkline::pack),
        // The compiler's message about this path says what is missing.
        Err(_) => parse_quote!(::trunkline_pack),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Result<FoundCrate, Error> {
        Ok(FoundCrate::Name(name.to_owned()))
    }

    fn missing() -> Result<FoundCrate, Error> {
        Err(Error::CrateNotFound { crate_name: String::new(), path: std::path::PathBuf::new() })
    }

    fn check(
        pack: Result<FoundCrate, Error>,
        trunkline: impl FnOnce() -> Result<FoundCrate, Error>,
        expected: &str,
    ) {
        let path = locate(pack, trunkline);
        assert_eq!(quote::quote!(#path).to_string().replace(' ', ""), expected);
    }

    #[test]
    fn the_manifest_decides() {
        let itself = || Ok(FoundCrate::Itself);
        check(name("trunkline_pack"), missing, "::trunkline_pack");
        check(name("renamed"), || name("trunkline"), "::renamed");
        check(itself(), missing, "::trunkline_pack");
        check(missing(), || name("trunkline"), "::trunkline::pack");
        check(missing(), || name("rpc"), "::rpc::pack");
        check(missing(), itself, "::trunkline::pack");
        check(missing(), missing, "::trunkline_pack");
    }
}
