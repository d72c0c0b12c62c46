//! What happened on a connection, in plain counters.

use std::ops::{AddAssign, Sub};

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A snapshot of counters; two snapshots can be subtracted to get what happened between them, and several
        /// connections can be added up. All counters are 64 bits wide and never decide anything.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats { $($(#[$doc])* pub $name: u64,)* }

        impl Sub for Stats {
            type Output = Self;
            fn sub(self, earlier: Self) -> Self {
                Self { $($name: self.$name.saturating_sub(earlier.$name),)* }
            }
        }

        impl AddAssign for Stats {
            fn add_assign(&mut self, other: Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }
        }

        impl Stats {
            /// Every counter with its name, for printing.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

stats! {
    /// Calls begun.
    calls,
    /// Calls answered with a reply.
    replies,
    /// Calls answered with a fault.
    faults,
    /// Calls whose deadline passed.
    timeouts,
    /// Calls given up by their caller.
    cancelled,
    /// Calls that ended because the connection did.
    lost,
    /// Answers that came after their call had ended.
    late_answers,
    /// Notifications sent.
    notified,
    /// Requests received.
    requests,
    /// Notifications received.
    notifications,
    /// Answers sent.
    answered,
    /// Answers that said no.
    answered_faults,
    /// Faults that the dialect could not say.
    unsaid_faults,
    /// Requests and notifications for routes that do not exist.
    unknown_routes,
    /// Requests refused because of a limit or a drain.
    refused,
    /// Messages received.
    messages_in,
    /// Messages sent.
    messages_out,
    /// Bytes received.
    bytes_in,
    /// Bytes sent.
    bytes_out,
    /// Reads from the transport that gave bytes.
    reads,
    /// Writes to the transport that took bytes.
    writes,
    /// Pings sent.
    pings,
    /// Pings answered by the peer.
    pongs,
    /// Pings of the peer.
    peer_pings,
    /// The last round trip of a ping in microseconds; 0 before the first.
    ping_rtt_us,
    /// Messages of ours that were queued and lost with the connection.
    dropped,
}
