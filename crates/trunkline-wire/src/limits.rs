//! What is too much. Every decoder and encoder takes one.

/// Limits on what crosses the wire, both ways. All inclusive: a message of exactly the limit passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest body in bytes, received or sent. Setting `max_message`.
    ///
    /// Default 4 MiB, gRPC's; iproto's own default is the 100,000,000 of go-iproto's README.
    pub max_message: usize,
    /// The longest route name in bytes. Setting `max_route`. Default 255.
    pub max_route: usize,
    /// The most metadata of one message in bytes. Setting `max_metadata`. Default 8 KiB.
    pub max_metadata: usize,
}

impl Limits {
    /// 4 MiB, as gRPC.
    pub const MAX_MESSAGE: usize = 4 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_message: Self::MAX_MESSAGE, max_route: 255, max_metadata: 8 << 10 }
    }
}
