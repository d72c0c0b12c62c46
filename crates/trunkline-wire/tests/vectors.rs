//! Every recorded vector of the originals, one room per file.
//!
//! `TRUNKLINE_VECTORS` names another folder of the same schema. Where a vector pins a flaw of the original, the
//! room asserts what ours does instead, by a rule, and names the defect.

#[path = "vectors/arrival.rs"]
mod arrival;
#[path = "support/hear.rs"]
mod hear;
#[path = "vectors/iproto.rs"]
mod iproto;
#[path = "vectors/packet.rs"]
mod packet;
#[path = "support/random.rs"]
mod random;
#[path = "support/say.rs"]
mod say;
#[path = "vectors/simple.rs"]
mod simple;
#[path = "vectors/suite.rs"]
mod suite;

#[test]
fn iproto_packets() {
    suite::run("iproto_packets.json", iproto::run);
}

#[test]
fn packet_framing() {
    suite::run("packet_framing.json", packet::run);
}

#[test]
fn simple_rpc_frames() {
    suite::run("simple_rpc_frames.json", simple::run);
}
