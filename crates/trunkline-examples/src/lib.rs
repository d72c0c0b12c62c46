//! What the macros make for a crate that depends on `trunkline` alone, and is strict about it.
//!
//! A service that other crates use is a public trait in a crate of its own, as here: its client and its router come with
//! it. The lints below look at what is generated; [`Shelf`] is public, the traits in the tests are private and half used.

#![deny(
    dead_code,
    elided_lifetimes_in_paths,
    missing_debug_implementations,
    missing_docs,
    refining_impl_trait,
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic
)]

use trunkline::{Code, Fault, Pack, Unpack, service};

/// A book.
#[derive(Pack, Unpack, Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Counted from 1.
    #[pack(ber)]
    pub number: u32,
    /// On its cover.
    pub title: String,
}

/// Where books stand.
#[service]
pub trait Shelf {
    /// The book with this number.
    #[route(1, "/get")]
    #[idempotent]
    async fn get(&self, number: u32) -> Result<Book, Fault>;

    /// Whoever wants to hear of new books; `request` and `service` are names like any other.
    #[route(2, "/find")]
    async fn find(&self, request: String, peer: trunkline::Peer, service: u16) -> Vec<Book>;

    /// Somebody looked at a book.
    #[notify(3)]
    async fn looked(&self, number: u32);
}

/// One shelf.
#[derive(Clone, Debug)]
pub struct Bookcase(pub Vec<Book>);

impl Shelf for Bookcase {
    async fn get(&self, number: u32) -> Result<Book, Fault> {
        let found = self.0.iter().find(|book| book.number == number);
        found.cloned().ok_or_else(|| Fault::new(Code::NotFound, format!("there is no book {number}")))
    }

    async fn find(&self, request: String, _: trunkline::Peer, service: u16) -> Vec<Book> {
        let found = self.0.iter().filter(|book| book.title.contains(&request));
        found.take(usize::from(service)).cloned().collect()
    }

    async fn looked(&self, _: u32) {}
}

#[cfg(test)]
mod tests {
    use trunkline::test::pair;

    use super::*;

    #[service]
    trait OnlyCalled {
        #[route(1)]
        async fn get(&self, number: u32) -> Result<Book, Fault>;

        #[route(9)]
        async fn never(&self);
    }

    #[service]
    trait OnlyServed {
        #[route(1)]
        async fn get(&self, number: u32) -> Book;
    }

    struct One;

    impl OnlyServed for One {
        async fn get(&self, number: u32) -> Book {
            Book { number, title: "one".to_owned() }
        }
    }

    fn bookcase() -> Bookcase {
        let book = |number, title: &str| Book { number, title: title.to_owned() };
        Bookcase(vec![book(1, "Emma"), book(300, "Emil"), book(301, "Momo")])
    }

    #[tokio::test]
    async fn the_derives_and_the_service_need_nothing_but_trunkline() {
        let (peer, _server) = pair(bookcase().into_router()).expect("a pair");
        let shelf = ShelfClient::new(peer);
        assert_eq!(shelf.get(300).await.expect("answers").title, "Emil");
        assert_eq!(shelf.find("Em".to_owned(), 5).await.expect("answers").len(), 2);
        assert_eq!(shelf.find("Em".to_owned(), 1).await.expect("answers").len(), 1);
        shelf.looked(1).await.expect("accepted");
    }

    #[tokio::test]
    async fn a_private_service_may_be_used_in_part() {
        let (peer, _server) = pair(One.into_router()).expect("a pair");
        let book = OnlyCalledClient::new(peer).get(7).await.expect("answers");
        assert_eq!(book, Book { number: 7, title: "one".to_owned() });
    }

    #[test]
    fn what_was_derived_is_what_go_iproto_packs() {
        let book = Book { number: 300, title: "ab".to_owned() };
        let bytes = trunkline::pack::pack(&book).expect("packs");
        assert_eq!(bytes, b"\x82\x2c\x02\0\0\0ab");
        assert_eq!(trunkline::pack::decode::<Book>(&bytes), Ok(book));
    }
}
