//! Protocols that can be told by their first bytes, so that a wrong one gets a readable diagnosis.

/// Methods of HTTP, and what a server of it answers with.
const HTTP: [&[u8]; 9] = [b"GET ", b"PUT ", b"POST", b"HEAD", b"DELE", b"OPTI", b"PATC", b"CONN", b"PRI "];

/// What the first bytes of a connection look like, if they are those of a well-known protocol.
///
/// A help for error messages only: dialects are fixed per listener, and nothing is guessed from bytes.
#[must_use]
pub fn recognise(first: &[u8]) -> Option<&'static str> {
    let head = first.get(..4)?;
    if HTTP.contains(&head) {
        return Some("an HTTP request");
    }
    match head {
        b"HTTP" => Some("an HTTP answer"),
        b"SSH-" => Some("an SSH greeting"),
        // A TLS record: handshake (22), version 3.x, and a length that a record may have.
        [22, 3, 0..=4, 0..=0x40] => Some("a TLS handshake"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::recognise;

    #[test]
    fn knows_its_neighbours() {
        assert_eq!(recognise(b"GET / HTTP/1.1"), Some("an HTTP request"));
        assert_eq!(recognise(b"HTTP/1.1 400"), Some("an HTTP answer"));
        assert_eq!(recognise(&[22, 3, 1, 2, 0, 1]), Some("a TLS handshake"));
        assert_eq!(recognise(&[1, 0, 0, 0, 5]), None);
        assert_eq!(recognise(b"GE"), None, "too short to tell");
    }
}
