//! What a fake answers to calls of one kind, or how it fails.

use super::{call::Pattern, content::Content};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use pillion_api::{Code, Error, Metadata, diagnostic::Severity};
use pillion_sidecar::yaml::{Fields, Findings, Node, Unknown, shown};
use std::path::Path;

/// The most calls that one answer can be for.
const MAX_TIMES: i64 = 1_000_000;

/// An answer to the calls that a pattern describes.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) pattern: Pattern,
    /// None is always.
    pub(super) times: Option<u32>,
    pub(super) says: Says,
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) enum Says {
    Reply(Reply),
    Fails(Error),
}

/// An answer that is none of an error.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) metadata: Metadata,
    pub(super) content: Content,
}

impl Answer {
    /// An entry of `answers`: a call, and beside it what is answered.
    pub(super) fn read(node: &Node, owner: &str, folder: &Path, findings: &mut Findings) -> Option<Self> {
        let mut fields = Fields::open(node, format!("{owner}: an answer"), findings)?;
        let pattern = Pattern::read(&mut fields, folder, findings);
        let status = fields.integer("status", 200..=599, findings);
        let times = fields.integer("times", 1..=MAX_TIMES, findings).and_then(|times| u32::try_from(times).ok());
        let error = error(&mut fields, status, findings);
        let reply = Reply {
            status: status
                .and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok())
                .unwrap_or_default(),
            headers: headers(&mut fields, findings),
            metadata: fields.text_map("metadata", findings),
            content: Content::read(&mut fields, folder, findings).unwrap_or_default(),
        };
        fields.close(Unknown::Error, findings);
        Some(Self { pattern: pattern?, times, says: error.map_or(Says::Reply(reply), Says::Fails) })
    }
}

/// `error`, a code of the table, with `message`. Several rows of it share a name: `status` says which.
fn error(fields: &mut Fields<'_>, status: Option<i64>, findings: &mut Findings) -> Option<Error> {
    let message = fields.text("message", findings).unwrap_or("as the case says").to_owned();
    let entry = fields.entry("error")?;
    let name = fields.text("error", findings)?;
    let mut named = Code::ALL.iter().copied().filter(|code| code.name() == name);
    let code = match status {
        Some(status) => named.find(|code| i64::from(code.http()) == status),
        None => named.next(),
    };
    if code.is_none() {
        let of_status = status.map(|status| format!(" of status {status}")).unwrap_or_default();
        let why = format!("{}: there is no error `{}`{of_status}", fields.owner(), shown(name));
        findings.unknown(Severity::Error, entry.value.at, why, name, Code::ALL.iter().map(|code| code.name()));
    }
    Some(Error::new(code?, message))
}

/// `headers`, checked.
pub(super) fn headers(fields: &mut Fields<'_>, findings: &mut Findings) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let at = fields.node("headers").map_or(fields.at(), |node| node.at);
    for (name, value) in fields.text_map("headers", findings) {
        match (HeaderName::try_from(&name), HeaderValue::try_from(&value)) {
            (Ok(name), Ok(value)) => drop(headers.append(name, value)),
            _ => findings.error(at, format!("{}: `{}` can't be a header", fields.owner(), shown(&name))),
        }
    }
    headers
}
