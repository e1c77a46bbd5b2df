//! `allow.hosts`: which hosts a guest may ask, and which of them it may reach on this machine.

use http::Uri;
use http::uri::Scheme;
use pillion_api::{Code, Error};
use std::net::IpAddr;

/// The parsed list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    scheme: Option<String>,
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// Every name below a domain.
    Below(String),
    Exactly(String),
}

impl Hosts {
    /// Reads the list.
    ///
    /// # Errors
    /// [`Code::GuestInvalid`]-like configuration errors for an entry that could mean more than one thing.
    pub(crate) fn parse(app: &str, entries: &[String]) -> Result<Self, Error> {
        let parsed = entries.iter().map(|entry| {
            Entry::parse(entry).ok_or_else(|| {
                Error::new(Code::NotAllowed, format!("app `{app}`: `{entry}` in `allow.hosts` is no host"))
                    .hint("write `host`, `host:port`, `*.domain` or `*`, with `http://` or `https://` before it to allow only that")
            })
        });
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    /// Whether a request may go out at all.
    pub(crate) fn allow(&self, uri: &Uri) -> bool {
        self.0.iter().any(|entry| entry.allows(uri))
    }

    /// Whether the entry that allows it names this very address, or `localhost`: then it may be one that no other name
    /// may lead to.
    pub(crate) fn name_explicitly(&self, uri: &Uri) -> bool {
        let host = normal_host(uri.host().unwrap_or_default());
        let is_address = host == "localhost" || host.parse::<IpAddr>().is_ok();
        is_address && self.0.iter().any(|entry| entry.allows(uri) && entry.host == Host::Exactly(host.clone()))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => (Some(scheme.to_owned()), rest),
            Some(_) => return None,
            None => (None, text),
        };
        let (host, port) = split_port(rest.trim_end_matches('/'))?;
        let host = normal_host(host);
        let host = match host.strip_prefix("*.") {
            _ if host == "*" => Host::Any,
            Some(domain) if is_plain(domain) => Host::Below(format!(".{domain}")),
            None if is_plain(&host) => Host::Exactly(host),
            _ => return None,
        };
        Some(Self { scheme, host, port })
    }

    fn allows(&self, uri: &Uri) -> bool {
        let scheme = self.scheme.as_deref().is_none_or(|scheme| uri.scheme_str() == Some(scheme));
        let host = normal_host(uri.host().unwrap_or_default());
        let host = match &self.host {
            Host::Any => true,
            Host::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            Host::Exactly(name) => host == *name,
        };
        // Without a port an entry means the port of the scheme: a web server, not whatever else listens there.
        let asked = uri.port_u16().or(default_port(uri));
        scheme && host && asked == self.port.or(default_port(uri))
    }
}

/// The port that a scheme implies.
pub(crate) fn default_port(uri: &Uri) -> Option<u16> {
    match uri.scheme()? {
        scheme if *scheme == Scheme::HTTP => Some(80),
        scheme if *scheme == Scheme::HTTPS => Some(443),
        _ => None,
    }
}

/// Lower case, without the root's dot and the brackets of an address.
pub(crate) fn normal_host(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let end_of_address = text.rfind(']').map_or(0, |at| at + 1);
    match text[end_of_address..].rsplit_once(':') {
        Some((before, port)) if end_of_address > 0 || !before.contains(':') => {
            Some((&text[..end_of_address + before.len()], Some(port.parse().ok().filter(|port| *port > 0)?)))
        }
        Some(_) => None,
        None => Some((text, None)),
    }
}

fn is_plain(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entries: &[&str], uri: &str, allowed: bool) {
        let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
        let hosts = Hosts::parse("a", &entries).expect("entries");
        assert_eq!(hosts.allow(&uri.parse().expect(uri)), allowed, "{entries:?} {uri}");
    }

    #[test]
    fn entries_allow_what_they_name() {
        check(&[], "http://example.com/", false);
        check(&["example.com"], "http://example.com/x", true);
        check(&["example.com"], "https://EXAMPLE.com./x", true);
        check(&["example.com"], "https://example.com:8443/", false);
        check(&["example.com:8443"], "https://example.com:8443/", true);
        check(&["example.com:8443"], "https://example.com/", false);
        check(&["https://example.com"], "http://example.com/", false);
        check(&["*.example.com"], "http://a.b.example.com/", true);
        check(&["*.example.com"], "http://example.com/", false);
        check(&["*.example.com"], "http://badexample.com/", false);
        check(&["*"], "http://anything/", true);
        check(&["*:81"], "http://anything:81/", true);
        check(&["[::1]:80"], "http://[::1]/", true);
        check(&["10.0.0.1"], "http://10.0.0.1/", true);
    }

    #[test]
    fn only_an_address_or_localhost_is_named_explicitly() {
        let hosts =
            Hosts::parse("a", &["evil.test".into(), "127.0.0.1:81".into(), "localhost".into()]).expect("entries");
        let check = |uri: &str, explicit| {
            assert_eq!(hosts.name_explicitly(&uri.parse().expect(uri)), explicit, "{uri}");
        };
        check("http://evil.test/", false);
        check("http://127.0.0.1:81/", true);
        check("http://127.0.0.1/", false);
        check("http://localhost/", true);
        let all = Hosts::parse("a", &["*".into()]).expect("entries");
        assert!(!all.name_explicitly(&"http://127.0.0.1/".parse().expect("a URI")));
    }

    #[test]
    fn an_entry_that_could_mean_anything_is_refused() {
        for entry in ["*foo", "a*", "ftp://x", "x:0", "x:70000", "http://x/path", "", "a b", "::1:80"] {
            assert!(Entry::parse(entry).is_none(), "{entry}");
        }
    }
}
