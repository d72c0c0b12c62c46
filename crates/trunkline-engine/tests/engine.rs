//! How one engine behaves, through its public face alone: lanes, bounds, outcomes, panics, hijack.
//!
//! In: commands and messages by hand, time as an argument. Out: assertions on bytes, outcomes and tokens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use trunkline_engine::{
    Accepted, Answer, Answering, CloseReason, Config, Connection, Failure, FailureKind, Outcome, Phase,
    WhenFull, Work,
};
use trunkline_wire::iproto::{self, Iproto, Packet};
use trunkline_wire::{Dialect, Encode, EncodeError, Id, Message, Output, Route, Side};

const MS: Duration = Duration::from_millis(1);

struct Rig {
    connection: Connection<u32>,
    now: Instant,
    work: Work<u32>,
}

fn rig(change: impl FnOnce(&mut Config)) -> Rig {
    let mut config = Config { ping_interval: None, ..Config::for_dialect(&iproto::PROFILE) };
    change(&mut config);
    let encoder = Iproto::new().start(Side::Dialling, &config.limits).encoder;
    with_encoder(config, encoder)
}

fn with_encoder(config: Config, encoder: Box<dyn Encode>) -> Rig {
    #[expect(clippy::disallowed_methods, reason = "a virtual clock has to count from some instant")]
    let now = Instant::now();
    let connection = Connection::new(&iproto::PROFILE, Side::Dialling, Arc::new(config), encoder, now);
    Rig { connection, now, work: Work::default() }
}

fn request(code: u32, len: usize) -> Message {
    Message::request(Id(0), Route::Number(code), Bytes::from(vec![code as u8; len]))
}

fn notice(code: u32, len: usize) -> Message {
    Message::notify(Route::Number(code), Bytes::from(vec![code as u8; len]))
}

impl Rig {
    fn call(&mut self, code: u32, len: usize) -> Id {
        let deadline = Some(self.now + Duration::from_secs(5));
        self.connection.call(&mut request(code, len), deadline, code, WhenFull::Wait).expect("begins")
    }

    fn end(&mut self, id: Id) -> Option<Result<Answer, Failure>> {
        self.connection.poll_call(id, |_| ())
    }

    fn outcome(&mut self, id: Id) -> Outcome {
        match self.end(id).expect("has ended") {
            Ok(_) => Outcome::Answered,
            Err(failure) => failure.outcome,
        }
    }

    /// The next write turn, whole, as packets.
    fn turn(&mut self) -> Vec<Packet> {
        let mut output = Output::new();
        if !self.connection.take(&mut output, self.now, &mut self.work) {
            return Vec::new();
        }
        self.connection.wrote(output.len(), false, self.now);
        packets(&output.to_vec())
    }

    fn codes(&mut self) -> Vec<u32> {
        self.turn().into_iter().map(|packet| packet.code).collect()
    }

    fn receive(&mut self, message: Message) {
        self.connection.receive(&mut vec![message], self.now, &mut self.work);
    }

    fn close(&mut self) {
        self.connection.close(CloseReason::Io("reset".to_owned()), &mut self.work);
    }
}

fn packets(bytes: &[u8]) -> Vec<Packet> {
    let mut stream = BytesMut::from(bytes);
    std::iter::from_fn(|| Packet::decode(&mut stream, usize::MAX).expect("well-formed")).collect()
}

#[test]
fn control_leaves_first_and_bulk_last_each_lane_in_order() {
    let mut rig = rig(|_| ());
    rig.call(1, 20 << 10);
    rig.call(2, 10);
    rig.call(3, 20 << 10);
    rig.call(4, 10);
    rig.receive(Message::Ping { id: Id(9), route: Route::Number(iproto::PING), body: Bytes::new() });
    assert_eq!(rig.codes(), [iproto::PING, 2, 4, 1, 3]);
}

#[test]
fn a_calls_lane_that_is_always_full_does_not_hold_up_the_bulk_lane() {
    let mut rig = rig(|_| ());
    let large = rig.call(7, 20 << 10);
    for _ in 0..40 {
        rig.call(1, 16 << 10);
    }
    assert!(rig.codes().contains(&7), "{large} must leave with the first turn");
}

#[test]
fn who_waits_for_room_gets_it_in_arrival_order() {
    let mut rig = rig(|config| config.lane_bytes = 1);
    rig.call(1, 0);
    for code in 2..=5 {
        rig.call(code, 0);
    }
    let Ok(Accepted::Waits(ticket)) = rig.connection.send(&notice(6, 0), WhenFull::Wait) else {
        panic!("must wait")
    };
    assert!(rig.connection.poll_ticket(ticket, |token| *token = Some(60)).is_none());
    let failed = rig.connection.call(&mut request(9, 0), None, 9, WhenFull::Fail).expect_err("no room");
    assert_eq!(failed.outcome, Outcome::NotSent);
    assert!(matches!(failed.kind, FailureKind::Full { limit: 1, .. }));
    let turns: Vec<_> = std::iter::from_fn(|| Some(rig.codes()).filter(|codes| !codes.is_empty())).collect();
    assert_eq!(turns.concat(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(rig.work.wake, [60], "a notification is woken when it has its place");
    assert_eq!(rig.connection.poll_ticket(ticket, |_| ()), Some(Ok(())));
}

#[test]
fn who_is_withdrawn_while_waiting_was_not_sent_and_holds_nobody_up() {
    let mut rig = rig(|config| config.lane_bytes = 1);
    rig.call(1, 0);
    let gone = rig.call(2, 0);
    rig.call(3, 0);
    let (outcome, _) = rig.connection.abandon_call(gone, rig.now);
    assert_eq!(outcome, Outcome::NotSent);
    assert_eq!((rig.codes(), rig.codes(), rig.codes()), (vec![1], vec![3], vec![]));
    assert!(!rig.connection.has_output());
}

#[test]
fn room_that_a_timeout_gives_back_is_used() {
    let mut rig = rig(|config| config.bulk_bytes = 1);
    let soon = Some(rig.now + MS);
    let large = rig.connection.call(&mut request(1, 20 << 10), soon, 1, WhenFull::Wait).expect("has room");
    rig.call(2, 20 << 10);
    rig.call(3, 10);
    rig.now += MS;
    rig.connection.tick(rig.now, &mut rig.work);
    assert_eq!(rig.outcome(large), Outcome::NotSent, "no byte of it had left");
    assert_eq!(rig.codes(), [3, 2], "the next turn carries those who waited, though the lanes were empty");
}

#[test]
fn unsent_replies_pause_requests_and_at_last_close() {
    let mut rig = rig(|config| (config.replies_pause, config.replies_max) = (1_000, 3_000));
    let answer = |rig: &mut Rig, n: u64| {
        let result = Ok(Bytes::from(vec![0; 988]));
        rig.connection.answer(Answering { id: Some(Id(n)), route: Route::Number(1), result });
    };
    answer(&mut rig, 1);
    assert!(!rig.connection.wants_requests());
    let mut output = Output::new();
    assert!(rig.connection.take(&mut output, rig.now, &mut rig.work));
    assert!(!rig.connection.wants_requests(), "taken by the driver is not yet taken by the transport");
    rig.connection.wrote(output.len(), false, rig.now);
    assert!(rig.connection.wants_requests());
    for n in 2..=4 {
        answer(&mut rig, n);
    }
    rig.connection.tick(rig.now, &mut rig.work);
    assert!(rig.connection.closed().is_none(), "what waited before the last one was within the limit");
    answer(&mut rig, 5);
    rig.connection.tick(rig.now, &mut rig.work);
    let reason = rig.connection.closed().expect("too many replies");
    assert!(
        matches!(*reason, CloseReason::Overload { setting: "replies_max", limit: 3_000, .. }),
        "{reason}"
    );
}

#[test]
fn too_much_control_pauses_reading() {
    let mut rig = rig(|config| config.max_control = 3);
    for n in 1..=3 {
        assert!(rig.connection.wants_bytes());
        rig.receive(Message::Ping { id: Id(n), route: Route::Number(iproto::PING), body: Bytes::new() });
    }
    assert!(!rig.connection.wants_bytes());
    assert_eq!(rig.codes().len(), 3);
    assert!(rig.connection.wants_bytes());
}

#[derive(Debug)]
struct PanicsAt(u32, Box<dyn Encode>);

impl Encode for PanicsAt {
    fn encode(&mut self, message: &Message, output: &mut Output) -> Result<(), EncodeError> {
        if let Message::Request { route, .. } | Message::Reply { route, .. } = message {
            output.put(b"half a message");
            assert_ne!(route.number(), Some(self.0), "planted");
            output.truncate(output.len() - b"half a message".len());
        }
        self.1.encode(message, output)
    }
}

fn panics_at(code: u32) -> Rig {
    let config = Config { ping_interval: None, ..Config::for_dialect(&iproto::PROFILE) };
    let encoder = Iproto::new().start(Side::Dialling, &config.limits).encoder;
    with_encoder(config, Box::new(PanicsAt(code, encoder)))
}

#[test]
fn an_encoder_that_panics_closes_its_connection_and_wakes_everyone() {
    // In the caller's section, and in the driver's (a body of the bulk lane).
    for len in [10, 20 << 10] {
        let mut rig = panics_at(13);
        let other = rig.call(1, 10);
        let bad = rig.connection.call(&mut request(13, len), None, 13, WhenFull::Wait);
        let mut output = Output::new();
        assert!(!rig.connection.take(&mut output, rig.now, &mut rig.work), "nothing of it may leave");
        assert!(matches!(rig.connection.closed().as_deref(), Some(CloseReason::Internal(_))));
        assert_eq!(rig.outcome(other), Outcome::NotSent);
        rig.work.wake.sort_unstable();
        match bad {
            Ok(id) => {
                assert_eq!(rig.work.wake, [1, 13]);
                assert_eq!(rig.outcome(id), Outcome::NotSent);
            }
            Err(failure) => {
                assert_eq!(rig.work.wake, [1]);
                assert_eq!(failure.outcome, Outcome::NotSent);
            }
        }
    }
    let mut rig = panics_at(13);
    let waits = rig.call(1, 10);
    let result = Ok(Bytes::new());
    rig.connection.answer(Answering { id: Some(Id(5)), route: Route::Number(13), result });
    rig.connection.tick(rig.now, &mut rig.work);
    assert!(matches!(*rig.connection.phase(), Phase::Closed(_)), "a reply that panics closes, too");
    assert_eq!(rig.outcome(waits), Outcome::NotSent);
}

/// A scripted conversation, cut at every byte the transport could have taken.
#[test]
fn wherever_the_connection_is_cut_each_call_tells_what_had_left() {
    let script = |rig: &mut Rig| {
        rig.receive(Message::Ping { id: Id(9), route: Route::Number(iproto::PING), body: Bytes::new() });
        let calls =
            [rig.call(1, 5), rig.call(2, 20 << 10), rig.call(3, 0), rig.call(4, 17 << 10), rig.call(5, 40)];
        rig.connection.send(&notice(6, 30), WhenFull::Wait).expect("queued");
        calls
    };
    let mut whole = rig(|_| ());
    script(&mut whole);
    let mut output = Output::new();
    assert!(whole.connection.take(&mut output, whole.now, &mut whole.work));
    let bytes = output.to_vec();
    let mut at = 0;
    let mut first_byte = [usize::MAX; 7];
    for packet in packets(&bytes) {
        if let Some(first) = first_byte.get_mut(packet.code as usize) {
            *first = at;
        }
        at += 12 + packet.body.len();
    }
    assert_eq!(at, bytes.len());
    for cut in 0..=bytes.len() {
        let mut rig = rig(|_| ());
        let calls = script(&mut rig);
        let mut output = Output::new();
        assert!(rig.connection.take(&mut output, rig.now, &mut rig.work));
        // What is asked during a turn lies beyond it.
        let later = rig.call(1, 3);
        for part in [cut / 2, cut - cut / 2] {
            rig.connection.wrote(part, cut < bytes.len(), rig.now);
        }
        rig.close();
        for (n, id) in calls.into_iter().enumerate() {
            let left = cut > first_byte[n + 1];
            let expected = if left { Outcome::Unknown } else { Outcome::NotSent };
            assert_eq!(rig.outcome(id), expected, "call {} cut at {cut}", n + 1);
        }
        assert_eq!(rig.outcome(later), Outcome::NotSent, "cut at {cut}");
    }
}

#[test]
fn a_late_answer_is_counted_and_dropped_and_a_stranger_is_a_request() {
    let mut rig = rig(|_| ());
    let id = rig.call(1, 5);
    rig.turn();
    rig.now += Duration::from_secs(5);
    assert_eq!(rig.connection.deadline(), Some(rig.now));
    rig.connection.tick(rig.now, &mut rig.work);
    assert_eq!(rig.work.wake, [1]);
    assert_eq!(rig.outcome(id), Outcome::Unknown);
    rig.receive(Message::request(id, Route::Number(1), Bytes::from_static(b"late")));
    assert_eq!((rig.connection.stats().late_answers, rig.work.requests.len()), (1, 0));
    rig.receive(Message::request(id, Route::Number(2), Bytes::from_static(b"another code")));
    assert_eq!((rig.connection.stats().late_answers, rig.work.requests.len()), (1, 1));
}

#[test]
fn a_hijack_waits_for_answers_both_ways_and_keeps_the_rest() {
    let mut rig = rig(|_| ());
    let mine = rig.call(1, 0);
    rig.receive(Message::request(Id(5), Route::Number(2), Bytes::from_static(b"before")));
    rig.turn();
    rig.connection.hijack(rig.now);
    rig.receive(Message::request(Id(6), Route::Number(2), Bytes::from_static(b"kept")));
    rig.receive(Message::notify(Route::Number(3), Bytes::from_static(b"kept, too")));
    assert!(rig.connection.wants_bytes(), "our answer is still to come");
    rig.receive(Message::request(mine, Route::Number(1), Bytes::from_static(b"answer")));
    assert_eq!(rig.outcome(mine), Outcome::Answered);
    assert!(!rig.connection.wants_bytes(), "not a byte more than necessary");
    assert!(rig.connection.closed().is_none(), "an answer is owed");
    let result = Ok(Bytes::from_static(b"yes"));
    rig.connection.answer(Answering { id: Some(Id(5)), route: Route::Number(2), result });
    assert_eq!(rig.turn(), [Packet::new(2, 5, "yes")]);
    assert!(rig.turn().is_empty());
    assert_eq!(rig.connection.closed().as_deref(), Some(&CloseReason::Hijacked));
    let kept = packets(&rig.connection.take_kept().to_vec());
    assert_eq!(kept, [Packet::new(2, 6, "kept"), Packet::new(3, 0, "kept, too")]);
    assert_eq!(rig.work.requests.len(), 1);
}

#[test]
fn a_drain_notice_leaves_behind_everything_accepted_before_it() {
    let mut rig = rig(|config| config.lane_bytes = 1);
    for code in 1..=3 {
        rig.connection.send(&notice(code, 0), WhenFull::Wait).expect("accepted");
    }
    rig.connection.send(&notice(4, 20 << 10), WhenFull::Wait).expect("accepted");
    rig.connection.drain(None, rig.now);
    let turns: Vec<_> = std::iter::from_fn(|| Some(rig.codes()).filter(|codes| !codes.is_empty())).collect();
    assert_eq!(turns.concat(), [1, 2, 3, 4, iproto::SHUTDOWN]);
}
