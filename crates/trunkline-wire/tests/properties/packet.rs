//! packet: every packet is a notification, and the head bounds what can be said.

use bytes::Bytes;
use proptest::prelude::*;
use trunkline_wire::packet::{Head, Packet};
use trunkline_wire::{Dialect, EncodeError, Id, Limits, Message, Route, Side};

use crate::{Saying, admits, around_a_limit, body, hears, say};

fn head() -> impl Strategy<Value = Head> {
    prop::sample::select(&Head::ALL[..])
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn is_heard_as_it_was_said(head in head(), bodies in prop::collection::vec(body(), 0..8), seed: u64) {
        let short = |body: &Bytes| body.len() as u64 <= head.longest();
        let say = |body| Saying::plain(Message::notify(Route::NONE, body));
        let sayings: Vec<_> = bodies.into_iter().filter(short).map(say).collect();
        hears(&Packet::new(head), Side::Dialling, &Limits::default(), &sayings, seed);
    }

    #[test]
    fn a_limit_admits_what_it_names(head in head(), (limit, len) in around_a_limit()) {
        prop_assume!(limit.max(len) as u64 <= head.longest());
        admits(&Packet::new(head), limit, len, head.width(), |body| Message::notify(Route::NONE, body));
    }

    #[test]
    fn a_head_says_no_more_than_it_can(over in 0usize..1000, by in 0usize..100) {
        let limits = Limits { max_message: 255 + over, ..Limits::default() };
        for head in ["1be", "1le"] {
            let packet = Packet::new(head.parse().expect("a head"));
            let message = |len| [Message::notify(Route::NONE, vec![0; len].into())];
            prop_assert!(say::say(&packet, Side::Dialling, &limits, &message(255)).is_ok());
            let refused = say::say(&packet, Side::Dialling, &limits, &message(256 + by));
            let Err(EncodeError::TooLarge { limit, setting, .. }) = refused else { panic!("{refused:?}") };
            let names = if over == 0 { "max_message" } else { "head" };
            prop_assert_eq!((limit, setting), (255, names));
        }
    }
}

#[test]
fn heads_are_written_as_they_are_read() {
    for head in Head::ALL {
        assert_eq!(head.to_string().parse(), Ok(head));
    }
    for text in ["", "4", "be", "3be", "4BE", "16le", "4be "] {
        let error = text.parse::<Head>().expect_err(text).to_string();
        assert!(error.contains("such as 4be"), "{error}");
    }
}

#[test]
fn only_packets_can_be_said() {
    let packet = Packet::new(Head::default());
    let request = Message::request(Id(1), Route::from(1), "".into());
    for message in [request, Message::reply(Id(1), Route::from(1), "".into()), Message::Pong { id: Id(1) }] {
        let said = say::say(&packet, Side::Dialling, &Limits::default(), std::slice::from_ref(&message));
        let Err(EncodeError::Unsayable(refused)) = said else { panic!("{said:?}") };
        assert_eq!((refused.dialect, refused.verb), ("packet", message.verb()));
    }
}

#[test]
fn only_equal_heads_share_bytes() {
    let key = |head| Packet::new(head).start(Side::Dialling, &Limits::default()).encoder.shared_key();
    for (i, a) in Head::ALL.into_iter().enumerate() {
        for (j, b) in Head::ALL.into_iter().enumerate() {
            assert_eq!(key(a) == key(b), i == j, "{a} and {b}");
        }
    }
}
