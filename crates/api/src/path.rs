//! One normal form of a request path: what is authorised is what is dispatched.
//!
//! Dapr's critical bugs of 2023 and 2026 were paths that two places read differently. So every edge calls
//! [`normalise`] once, and everything behind it uses the result.

use crate::{Code, Error, Result};
use http::uri::PathAndQuery;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

/// Everything but RFC 3986's `pchar` and the slash.
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The longest path that is looked at, in bytes before decoding.
pub const MAX_PATH: usize = 8 * 1024;

/// A path that was decoded once and cleaned: begins with `/`, has no empty, `.` or `..` segment, no control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

impl Path {
    /// The decoded path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, without slashes; none for `/`.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// The path encoded again, with a query as it came.
    ///
    /// # Errors
    /// [`Code::RequestRefused`] where the query is none that a URI can hold.
    pub fn encode(&self, query: Option<&str>) -> Result<PathAndQuery> {
        let mut text = utf8_percent_encode(&self.0, NOT_IN_PATH).to_string();
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        PathAndQuery::try_from(text).map_err(|_| refused("can't be written as a URI"))
    }

    /// Whether `uri` has this path already, as it would be [encoded](Self::encode).
    pub fn is_of(&self, uri: &http::Uri) -> bool {
        uri.path() == self.0 && matches!(Cow::from(utf8_percent_encode(&self.0, NOT_IN_PATH)), Cow::Borrowed(_))
    }

    /// Whether this is `prefix` itself or lies below it.
    pub fn starts_with(&self, prefix: &Path) -> bool {
        self.below(prefix).is_some()
    }

    /// What follows `prefix`, with its leading slash (`/` for the prefix itself); none where it lies elsewhere.
    pub fn below(&self, prefix: &Path) -> Option<&str> {
        if prefix.0 == "/" {
            return Some(&self.0);
        }
        match self.0.strip_prefix(prefix.as_str())? {
            "" => Some("/"),
            rest if rest.starts_with('/') => Some(rest),
            _ => None,
        }
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Decodes a raw path once and cleans it: empty segments and a trailing slash fall away, as in daprd.
///
/// # Errors
/// [`Code::RequestRefused`] for what two readers could take differently: dot segments, plain or encoded, encoded slashes
/// and backslashes, control characters, bytes that are not UTF-8, a broken escape, a path that is too long.
pub fn normalise(raw: &str) -> Result<Path> {
    if raw.len() > MAX_PATH {
        return Err(refused("is too long"));
    }
    let mut path = String::with_capacity(raw.len() + 1);
    for segment in raw.split('/').filter(|segment| !segment.is_empty()) {
        check_escapes(segment)?;
        let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| refused("is not UTF-8"))?;
        check_segment(&decoded)?;
        path.push('/');
        path.push_str(&decoded);
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(Path(path))
}

fn check_escapes(segment: &str) -> Result<()> {
    let bytes = segment.as_bytes();
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%') {
        let digits = bytes.get(at + 1..at + 3).ok_or_else(|| refused("has a broken escape"))?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(refused("has a broken escape"));
        }
    }
    Ok(())
}

fn check_segment(decoded: &str) -> Result<()> {
    if decoded == "." || decoded == ".." {
        return Err(refused("has a dot segment"));
    }
    if decoded.chars().any(|c| c == '/' || c == '\\' || c.is_control()) {
        return Err(refused("has an encoded slash, a backslash or a control character"));
    }
    Ok(())
}

fn refused(what: &'static str) -> Error {
    Error::new(Code::RequestRefused, format!("the request path {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, normal: &str) {
        assert_eq!(normalise(raw).expect(raw).as_str(), normal, "{raw}");
    }

    #[test]
    fn paths_are_decoded_once_and_cleaned() {
        check("/", "/");
        check("", "/");
        check("//a//b/", "/a/b");
        check("/a%20b", "/a b");
        check("/a%2520b", "/a%20b");
        check("/%C3%A4", "/ä");
        check("/a;b", "/a;b");
        check("/.git", "/.git");
    }

    #[test]
    fn a_path_that_is_as_it_would_be_encoded_needs_no_other() {
        for (uri, expected) in [
            ("/a/b;c?d=%20", true),
            ("/", true),
            ("/a%20b", false),
            ("/a%2525", false),
            ("/a//b", false),
            ("/a{b}", false),
            ("http://h/%41", false),
        ] {
            let uri: http::Uri = uri.parse().expect("a URI");
            let path = normalise(uri.path()).expect("a path");
            assert_eq!(path.is_of(&uri), expected, "{uri}");
            let same = path.encode(uri.query()).expect("encoded").as_str() == uri.path_and_query().expect("a path");
            // One that had to be encoded comes out as it was, too, but that is not seen without encoding it.
            assert!(same || !expected, "{uri}");
        }
    }

    #[test]
    fn what_two_readers_could_take_differently_is_refused() {
        for raw in [
            "/../x",
            "/a/..",
            "/%2e%2e/x",
            "/.%2E/x",
            "/a/./b",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/%00",
            "/%0a",
            "/%ff",
            "/%",
            "/%2",
            "/%zz",
        ] {
            assert!(normalise(raw).is_err(), "{raw}");
        }
        assert!(normalise(&"/a".repeat(MAX_PATH)).is_err());
    }

    #[test]
    fn a_path_is_encoded_as_it_was_meant() {
        let path = normalise("/a%20b/%C3%A4%25/c:d;e@f").expect("a path");
        assert_eq!(path.encode(Some("x=%2F&y")).expect("a URI").as_str(), "/a%20b/%C3%A4%25/c:d;e@f?x=%2F&y");
        assert_eq!(normalise("").expect("a path").encode(None).expect("a URI").as_str(), "/");
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let prefix = normalise("/static").expect("a path");
        assert_eq!(normalise("/static/a.css").expect("a path").below(&prefix), Some("/a.css"));
        assert_eq!(normalise("/static").expect("a path").below(&prefix), Some("/"));
        assert_eq!(normalise("/staticky").expect("a path").below(&prefix), None);
    }
}
