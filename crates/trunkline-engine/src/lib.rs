//! The state of one connection over time.
