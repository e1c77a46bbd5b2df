//! Looks at raw heads of HTTP/1 requests for what the parser repairs without a word.
//!
//! hyper drops `Content-Length` where `Transfer-Encoding` is given too, and takes lines that end in a bare LF. Both
//! are RFC 9112's leave, and both are how one proxy sees one request and the next one two. A head that arrives in one
//! piece with the end of the body before it isn't seen here; after two framings in such a one hyper ends the connection.

/// Longest header name that is told apart; the two that matter are shorter.
const MAX_NAME: usize = 24;

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Both `Content-Length` and `Transfer-Encoding`.
    TwoFramings,
    /// A line that ends without CR.
    BareLineFeed,
}

/// Follows the bytes of one connection from head to head.
#[derive(Debug)]
pub(super) struct Heads {
    state: State,
    fault: Option<Fault>,
    name: Vec<u8>,
    length: u64,
    has_length: bool,
    has_encoding: bool,
    last: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the request line; empty lines are skipped.
    Start,
    RequestLine,
    Name,
    /// In a value; true where it is that of `Content-Length`.
    Value(bool),
    /// In a body of known length.
    Body(u64),
    /// In a chunked body, whose end is not followed.
    Chunked,
}

impl Heads {
    pub(super) fn new() -> Self {
        let name = Vec::with_capacity(MAX_NAME);
        Self { state: State::Start, fault: None, name, length: 0, has_length: false, has_encoding: false, last: 0 }
    }

    /// The first fault seen. It stays: nothing after it on this connection can be trusted.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether part of a head was seen, but not its end.
    pub(super) fn is_inside(&self) -> bool {
        !matches!(self.state, State::Start | State::Chunked | State::Body(0))
    }

    /// Bytes that were read between two requests.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.state {
                State::Body(left) => {
                    let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &bytes[skipped..];
                    let left = left - skipped as u64;
                    self.state = if left > 0 { State::Body(left) } else { State::Start };
                }
                State::Chunked => return,
                _ => {
                    bytes = rest;
                    self.step(byte);
                    self.last = byte;
                }
            }
        }
    }

    /// After the answer: the edge closes where a body was left unread, so what comes next is a head.
    pub(super) fn leave_body(&mut self) {
        if matches!(self.state, State::Body(_) | State::Chunked) {
            self.state = State::Start;
        }
    }

    /// After bytes that were not seen here.
    pub(super) fn restart(&mut self) {
        *self = Self { fault: self.fault, ..Self::new() };
    }

    fn step(&mut self, byte: u8) {
        if byte == b'\n' && self.last != b'\r' {
            self.fault = self.fault.or(Some(Fault::BareLineFeed));
        }
        self.state = match (self.state, byte) {
            (State::Start, b'\r' | b'\n') => State::Start,
            (State::Start, _) => State::RequestLine,
            (State::Name, b'\n') if self.name.is_empty() => self.end_of_head(),
            (_, b'\n') => self.next_line(),
            (State::Name, b':') => State::Value(self.named()),
            (State::Name, b'\r') => State::Name,
            (State::Name, byte) => {
                if self.name.len() < MAX_NAME {
                    self.name.push(byte.to_ascii_lowercase());
                }
                State::Name
            }
            (State::Value(true), b'0'..=b'9') => {
                self.length = self.length.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
                State::Value(true)
            }
            (state, _) => state,
        };
    }

    fn next_line(&mut self) -> State {
        self.name.clear();
        State::Name
    }

    fn named(&mut self) -> bool {
        let is_length = self.name == b"content-length";
        self.has_encoding |= self.name == b"transfer-encoding";
        if is_length {
            self.has_length = true;
            self.length = 0;
        }
        is_length
    }

    fn end_of_head(&mut self) -> State {
        if self.has_length && self.has_encoding {
            self.fault = self.fault.or(Some(Fault::TwoFramings));
        }
        let next = match (self.has_encoding, self.length) {
            (true, _) => State::Chunked,
            (false, 0) => State::Start,
            (false, length) => State::Body(length),
        };
        (self.has_length, self.has_encoding, self.length) = (false, false, 0);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&str], fault: Option<Fault>) {
        let mut heads = Heads::new();
        for piece in pieces {
            heads.feed(piece.as_bytes());
        }
        assert_eq!(heads.fault(), fault, "{pieces:?}");
    }

    #[test]
    fn both_framings_are_seen_in_any_order_and_case_and_cut() {
        let both = Some(Fault::TwoFramings);
        check(&["POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"], both);
        check(&["POST / HTTP/1.1\r\nTRANSFER-ENCODING: chunked\r\ncontent-length: 5\r\n\r\n"], both);
        check(&["POST / HTTP/1.1\r\nConte", "nt-Length: 5\r", "\nTransfer-Encoding: x\r\n\r", "\n"], both);
    }

    #[test]
    fn bodies_and_pipelined_requests_are_told_from_heads() {
        let one = "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\nb\n";
        check(&[one, one], None);
        check(&["GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\nHost: a\r\n\r\n"], Some(Fault::BareLineFeed));
        check(&["POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n"], None);
    }

    #[test]
    fn a_head_is_inside_until_its_empty_line() {
        let mut heads = Heads::new();
        heads.feed(b"GET / HTTP/1.1\r\nHost: a\r\n");
        assert!(heads.is_inside());
        heads.feed(b"\r\n");
        assert!(!heads.is_inside());
    }
}
