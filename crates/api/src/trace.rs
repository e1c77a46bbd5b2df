//! W3C trace context: what a call hands on, so that a guest's span joins its caller's.

use std::fmt;

/// Bytes of a `traceparent` of version 00.
pub const HEADER_LENGTH: usize = 55;

/// `traceparent` of <https://www.w3.org/TR/trace-context/>, version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Same for every span of one request.
    pub trace_id: u128,
    /// The span that calls.
    pub span_id: u64,
    /// Whether the caller records.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`; none where it is malformed or all zero, as the specification wants it ignored.
    pub fn parse(header: &str) -> Option<Self> {
        let (fields, rest) = header.as_bytes().split_first_chunk::<HEADER_LENGTH>()?;
        let are_apart = [2, 35, 52].into_iter().all(|at| fields[at] == b'-');
        // A version to come may add fields.
        let may_go_on = &fields[..2] != b"00" && rest.first() == Some(&b'-');
        if !are_apart || &fields[..2] == b"ff" || !(rest.is_empty() || may_go_on) {
            return None;
        }
        number(&fields[..2])?;
        let context = Self {
            trace_id: number(&fields[3..35])?,
            span_id: u64::try_from(number(&fields[36..52])?).ok()?,
            sampled: number(&fields[53..])? & 1 == 1,
        };
        (context.trace_id != 0 && context.span_id != 0).then_some(context)
    }

    /// The `traceparent` that hands this on: ASCII, version 00.
    pub fn to_header(self) -> [u8; HEADER_LENGTH] {
        let mut header = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex(&mut header[3..35], self.trace_id);
        hex(&mut header[36..52], self.span_id.into());
        header[54] += u8::from(self.sampled);
        header
    }

    /// The same trace, with another span as the caller.
    #[must_use]
    pub fn child(self, span_id: u64) -> Self {
        Self { span_id, ..self }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_header()).unwrap_or_default())
    }
}

/// The number of lower-case hexadecimal digits, at most 32 of them.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// A number as 16 hexadecimal digits, as ids are written.
pub fn hex_id(number: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    hex(&mut digits, number.into());
    digits
}

/// Fills `digits` with the last digits of a number. Each request has two or three of these: `format!` takes ten times as long.
fn hex(digits: &mut [u8], mut number: u128) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 0xf) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_survives_a_round_trip() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(text).expect("valid");
        assert_eq!(context.to_string(), text);
        assert_eq!(context.to_header(), text.as_bytes());
        assert_eq!(TraceContext { sampled: false, ..context }.to_string(), text.replace("-01", "-00"));
    }

    #[test]
    fn a_version_to_come_may_say_more() {
        let fields = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
        for text in [format!("cc-{fields}"), format!("cc-{fields}-what-the-future")] {
            assert!(TraceContext::parse(&text).expect("valid").sampled, "{text}");
        }
    }

    #[test]
    fn an_id_has_all_its_digits() {
        assert_eq!(&hex_id(0x0ab1), b"0000000000000ab1");
        assert_eq!(&hex_id(u64::MAX), b"ffffffffffffffff");
    }

    #[test]
    fn malformed_traceparents_are_ignored() {
        for text in [
            "",
            "00",
            "00-0-0-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736+00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47ää00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
