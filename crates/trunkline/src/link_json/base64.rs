//! Base64 as Go's JSON spells bytes: the standard alphabet, padded.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            out.push(if place <= three.len() { ALPHABET[digit as usize] } else { b'=' });
        }
    }
}

/// `None`: it is no base64. Line ends inside are ignored.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut fours = text.chunks(4).peekable();
    while let Some(four) = fours.next() {
        let digits = four.iter().position(|byte| *byte == b'=').unwrap_or(four.len());
        let padded = four.iter().skip(digits).all(|byte| *byte == b'=');
        if four.len() != 4 || digits < 2 || !padded || (digits < 4 && fours.peek().is_some()) {
            return None;
        }
        let mut bits = 0u32;
        for byte in four.get(..digits)? {
            bits = (bits << 6) | u32::try_from(ALPHABET.iter().position(|known| known == byte)?).ok()?;
        }
        let whole = bits << (6 * (4 - digits));
        bytes.extend_from_slice(whole.to_be_bytes().get(1..digits)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_and_nothing_else() {
        for len in 0..10u8 {
            let bytes: Vec<u8> = (0..len).map(|n| n.wrapping_mul(83).wrapping_sub(1)).collect();
            let mut text = Vec::new();
            encode(&bytes, &mut text);
            assert_eq!(text.len(), bytes.len().div_ceil(3) * 4);
            assert_eq!(decode(std::str::from_utf8(&text).expect("text")), Some(bytes));
        }
        assert_eq!(decode("AP8Q"), Some(vec![0, 255, 16]));
        assert_eq!(decode("AA\n=="), Some(vec![0]));
        for wrong in ["A", "AA", "AAA", "A===", "AA=A", "AA==AAAA", "A*==", "====", "=AAA"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
