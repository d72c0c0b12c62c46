//! The layout of bytes.
