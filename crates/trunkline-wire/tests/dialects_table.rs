//! `docs/dialects.md` is printed from the profiles, and this test holds it to that.
//!
//! `TRUNKLINE_BLESS=1` writes it anew.

use std::fmt::Write;
use std::path::Path;

use trunkline_wire::dialect::IdSpace;
use trunkline_wire::{PROFILES, Pairing, Profile, Side};

const HEAD: &str = "\
# What each dialect can say

A service is written once; what reaches a caller depends on the words of the dialect it speaks. A verb that a dialect
cannot say is refused where it is called, with an error that names dialect and verb. It is never dropped silently.

";

const FOOT: &str = "
This page is printed from the `Profile` constants in `trunkline-wire`, and a test holds it to them
(`crates/trunkline-wire/tests/dialects_table.rs`). The bytes are in `wire/`.
";

/// The rows that one profile gives: what is asked, and its answer. Every field has one.
fn answers(profile: &Profile) -> Vec<(&'static str, String)> {
    let Profile {
        name,
        speaks_with,
        pairing,
        ids,
        numbers,
        names,
        notify,
        faults,
        streams,
        credit,
        cancel,
        ping,
        drain,
        deadline,
        metadata,
        interleaves,
        stateful,
    } = *profile;
    let yes = |says: bool| String::from(if says { "yes" } else { "no" });
    let pairs = match pairing {
        Pairing::Tagged => "the wire says which it answers",
        Pairing::Matched => "by route and id of a call that waits",
        Pairing::None => "nothing is answered",
    };
    let calls = match (pairing, ids.can_call(Side::Dialling), ids.can_call(Side::Accepting)) {
        (Pairing::None, ..) | (_, false, false) => "no",
        (_, true, true) => "by both sides",
        (_, true, false) => "by the side that dials",
        (_, false, true) => "by the side that accepts",
    };
    let routes = match (numbers, names) {
        (true, true) => "a number or a name",
        (true, false) => "a number",
        (false, true) => "a name",
        (false, false) => "none: one handler",
    };
    vec![
        ("", format!("**{name}**")),
        ("speaks with", speaks_with.to_owned()),
        ("calls", calls.to_owned()),
        ("answers are paired", pairs.to_owned()),
        ("ids of the side that dials", range(&ids, Side::Dialling)),
        ("ids of the side that accepts", range(&ids, Side::Accepting)),
        ("routes", routes.to_owned()),
        ("notifications", yes(notify)),
        ("answers that say no", yes(faults)),
        ("streams", yes(streams)),
        ("credit: how much a receiver can take", yes(credit)),
        ("cancelling a call", yes(cancel)),
        ("ping", yes(ping)),
        ("announcing a drain", yes(drain)),
        ("the remaining time of a call", yes(deadline)),
        ("metadata", yes(metadata)),
        ("other messages between the pieces of a large body", yes(interleaves)),
        ("one order for everything that a connection sends", yes(stateful)),
    ]
}

fn range(ids: &IdSpace, side: Side) -> String {
    let (first, last) = ids.of(side);
    if ids.can_call(side) { format!("{first:#x} to {last:#x}") } else { String::from("none") }
}

fn page() -> String {
    let columns: Vec<_> = PROFILES.iter().map(|profile| answers(profile)).collect();
    let mut page = String::from(HEAD);
    for row in 0..columns[0].len() {
        let cells: Vec<_> = columns.iter().map(|column| column[row].1.as_str()).collect();
        writeln!(page, "| {} | {} |", columns[0][row].0, cells.join(" | "))
            .expect("a string takes everything");
        if row == 0 {
            writeln!(page, "|---|{}", "---|".repeat(columns.len())).expect("a string takes everything");
        }
    }
    page + FOOT
}

#[test]
fn the_page_says_what_the_profiles_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dialects.md");
    let page = page();
    println!("{page}");
    if std::env::var_os("TRUNKLINE_BLESS").is_some_and(|bless| bless == "1") {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "{} is not what the profiles say: TRUNKLINE_BLESS=1 writes it anew",
        path.display()
    );
}

#[test]
fn names_are_schemes_and_differ() {
    for (i, profile) in PROFILES.iter().enumerate() {
        assert!(profile.name.bytes().all(|byte| byte.is_ascii_lowercase()), "{}", profile.name);
        assert!(PROFILES[..i].iter().all(|other| other.name != profile.name), "{} twice", profile.name);
    }
}
