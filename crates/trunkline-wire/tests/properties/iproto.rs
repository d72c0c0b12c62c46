//! iproto: answers are heard as requests, because the wire has no direction.

use proptest::prelude::*;
use trunkline_wire::iproto::{HEADER, Iproto, PING, SHUTDOWN};
use trunkline_wire::{Drain, Id, Limits, Message, Route, Side};

use crate::{Saying, admits, around_a_limit, body, hears};

fn saying() -> impl Strategy<Value = Saying> {
    let code =
        any::<u32>().prop_filter("control", |code| ![PING, SHUTDOWN].contains(code)).prop_map(Route::Number);
    let id = (1..=u32::MAX).prop_map(|sync| Id(sync.into()));
    let drain = |id| Drain { last: None, id, route: Route::Number(SHUTDOWN), body: "".into() };
    let ping = |id| Message::Ping { id, route: Route::Number(PING), body: "".into() };
    prop_oneof![
        (id.clone(), code.clone(), body())
            .prop_map(|(id, code, body)| { Saying::plain(Message::request(id, code, body)) }),
        (id.clone(), code.clone(), body()).prop_map(|(id, code, body)| Saying {
            said: Message::reply(id, code.clone(), body.clone()),
            heard: vec![Message::request(id, code, body)],
        }),
        (code, body()).prop_map(|(code, body)| Saying::plain(Message::notify(code, body))),
        id.clone().prop_map(move |id| Saying::plain(ping(id))),
        id.clone().prop_map(move |id| Saying { said: Message::Pong { id }, heard: vec![ping(id)] }),
        id.prop_map(move |id| Saying {
            said: Message::Drain(Box::new(drain(id))),
            heard: vec![Message::Drain(Box::new(drain(Id(0))))],
        }),
    ]
}

proptest! {
    #![proptest_config(crate::config())]

    #[test]
    fn is_heard_as_it_was_said(sayings in prop::collection::vec(saying(), 0..8), seed: u64) {
        for side in [Side::Dialling, Side::Accepting] {
            hears(&Iproto::new(), side, &Limits::default(), &sayings, seed);
        }
    }

    #[test]
    fn a_limit_admits_what_it_names((limit, len) in around_a_limit()) {
        admits(&Iproto::new(), limit, len, HEADER, |body| Message::request(Id(1), Route::Number(1), body));
    }
}

#[test]
fn what_it_cannot_say_is_refused() {
    let (id, number, name) = (Id(1), Route::from(1), Route::from("/echo"));
    for message in [
        Message::request(id, name, "".into()),
        Message::request(Id(1 << 32), number.clone(), "".into()),
        Message::End { id, route: number.clone() },
        Message::Item { id, route: number, body: "".into() },
        Message::Cancel { id },
    ] {
        let said = crate::say::say(
            &Iproto::new(),
            Side::Dialling,
            &Limits::default(),
            std::slice::from_ref(&message),
        );
        assert!(matches!(said, Err(trunkline_wire::EncodeError::Unsayable(_))), "{message:?}: {said:?}");
    }
}
