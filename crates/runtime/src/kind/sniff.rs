//! The media type of bytes that came without one.

/// Bytes at the beginning that are looked at.
const WINDOW: usize = 512;

/// `image/png`, `image/jpeg`, `image/gif`, `image/webp`, `application/json`, `text/html`, `text/plain`, or
/// `application/octet-stream`.
pub(crate) fn content_type(bytes: &[u8]) -> &'static str {
    let window = &bytes[..bytes.len().min(WINDOW)];
    match window {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => text_type(bytes, window),
    }
}

fn text_type(bytes: &[u8], window: &[u8]) -> &'static str {
    if window.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && *byte != 0x1b) {
        return "application/octet-stream";
    }
    // A window may end in the middle of a character.
    if std::str::from_utf8(window).is_err_and(|error| error.error_len().is_some()) {
        return "application/octet-stream";
    }
    let start = window.trim_ascii_start();
    let first = start.get(..start.len().min(14)).unwrap_or_default().to_ascii_lowercase();
    if first.starts_with(b"<!doctype html") || first.starts_with(b"<html") {
        "text/html; charset=utf-8"
    } else if matches!(start.first(), Some(b'{' | b'[')) && is_json(bytes) {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    }
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_show_their_type() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b" {\"a\": 1}", "application/json"),
            (b"{not json", "text/plain; charset=utf-8"),
            (b"<!DOCTYPE HTML><p>", "text/html; charset=utf-8"),
            (b"hello\n", "text/plain; charset=utf-8"),
            (b"", "text/plain; charset=utf-8"),
            (b"\x00\x01", "application/octet-stream"),
            (b"\xff\xfe", "application/octet-stream"),
        ] {
            assert_eq!(content_type(bytes), expected, "{bytes:?}");
        }
    }
}
