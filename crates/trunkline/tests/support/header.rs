//! The header of an iproto packet, with any length that an attacker likes.

/// Twelve bytes that announce a body.
pub(crate) fn header(code: u32, len: u32, sync: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    for (part, value) in bytes.chunks_exact_mut(4).zip([code, len, sync]) {
        part.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}
