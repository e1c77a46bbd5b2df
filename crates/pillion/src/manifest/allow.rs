//! `allow:`: what the guests may touch.

use super::{
    Directory,
    keys::{self, ALLOW},
    paths::{Base, Wanted},
};
use pillion_api::policy::Allow;
use pillion_sidecar::yaml::{Fields, Findings, Node, Place, Unknown, shown};

/// How many entries one list may have.
pub(super) const MAX_ENTRIES: usize = 1000;

/// Reads an `allow:` mapping.
pub(super) fn read(node: &Node, owner: &str, base: Base<'_>, findings: &mut Findings) -> (Allow, Vec<Directory>) {
    let mut allow = Allow::default();
    let mut directories = Vec::new();
    let Some(mut fields) = Fields::open(node, format!("{owner}: `allow`"), findings) else {
        return (allow, directories);
    };
    for key in ALLOW {
        let entries = fields.texts(key.name, findings);
        if let Some((at, _)) = entries.get(MAX_ENTRIES) {
            findings.error(*at, format!("{}: `{}` has more than {MAX_ENTRIES} entries", fields.owner(), key.name));
        }
        for (at, text) in entries.into_iter().take(MAX_ENTRIES) {
            match check_entry(key.name, text) {
                Err(wrong) => {
                    findings.error(at, format!("{}: `{}: [{}]`: {wrong}", fields.owner(), key.name, shown(text)))
                }
                Ok(()) if key.name == "files" => directories.extend(read_directory(text, at, base, findings)),
                Ok(()) => {}
            }
            // The table and the struct name the same lists, which a test holds them to.
            allow_list(&mut allow, key.name).map(|list| list.push(text.to_owned())).unwrap_or_default();
        }
    }
    keys::close(fields, &[ALLOW], Unknown::Error, findings);
    (allow, directories)
}

/// The list of a key.
pub(super) fn allow_list<'a>(allow: &'a mut Allow, key: &str) -> Option<&'a mut Vec<String>> {
    Some(match key {
        "state" => &mut allow.state,
        "publish" => &mut allow.publish,
        "invoke" => &mut allow.invoke,
        "bindings" => &mut allow.bindings,
        "secrets" => &mut allow.secrets,
        "configuration" => &mut allow.configuration,
        "locks" => &mut allow.locks,
        "crypto" => &mut allow.crypto,
        "conversation" => &mut allow.conversation,
        "jobs" => &mut allow.jobs,
        "actors" => &mut allow.actors,
        "workflows" => &mut allow.workflows,
        "hosts" => &mut allow.hosts,
        "files" => &mut allow.files,
        "models" => &mut allow.models,
        _ => return None,
    })
}

/// An entry that could never match, or that would match more than it seems to, is an error.
pub(super) fn check_entry(key: &str, text: &str) -> Result<(), String> {
    match key {
        _ if text.trim().is_empty() => Err("an empty entry allows nothing".to_owned()),
        "hosts" => check_host(text),
        "files" => split_directory(text).map(drop),
        _ => check_stars(text),
    }
}

/// A star stands at the end of a part only.
fn check_stars(text: &str) -> Result<(), String> {
    let misplaced = text.splitn(2, '/').any(|part| part.strip_suffix('*').unwrap_or(part).contains('*'));
    if misplaced { Err("a `*` stands at the end, for every name that begins so".to_owned()) } else { Ok(()) }
}

fn check_host(text: &str) -> Result<(), String> {
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    if scheme.is_some_and(|scheme| scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Err("what stands before `://` is no scheme".to_owned());
    }
    if rest.contains(['/', '?', '#', '@', '\\']) || rest.contains(char::is_whitespace) {
        return Err("an entry is a host with a port perhaps, without user and path".to_owned());
    }
    let (host, port) = split_port(rest);
    if port.is_some_and(|port| port.parse::<u16>().unwrap_or(0) == 0) {
        return Err("the port must be a number from 1 to 65535".to_owned());
    }
    match host.strip_prefix("*.").unwrap_or(host) {
        "" => Err("the host is missing".to_owned()),
        "*" if host == "*" => Ok(()),
        name if name.contains('*') => Err("a `*` stands alone or as `*.domain`".to_owned()),
        _ => Ok(()),
    }
}

/// Host and port; colons of an IPv6 address stand in brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    if let Some(end) = text.rfind(']') {
        return (&text[..=end], text[end + 1..].strip_prefix(':'));
    }
    text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
}

/// Host folder, guest folder, and whether it can't be changed: `data:/data:ro`; two colons may stand for the first.
pub(super) fn split_directory(text: &str) -> Result<(&str, &str, bool), String> {
    let (pair, read_only) = text.strip_suffix(":ro").map_or((text, false), |pair| (pair, true));
    let (host, guest) = pair
        .split_once("::")
        .or_else(|| pair.split_once(':'))
        .filter(|(host, guest)| !host.is_empty() && !guest.is_empty())
        .ok_or("it must be `host-folder:guest-folder`, with `:ro` after it for reading only")?;
    if guest.split('/').any(|part| part == "..") {
        return Err("the guest's folder has no `..`".to_owned());
    }
    Ok((host, guest, read_only))
}

fn read_directory(text: &str, at: Place, base: Base<'_>, findings: &mut Findings) -> Option<Directory> {
    let (host, guest, read_only) = split_directory(text).ok()?;
    let host = base.existing("files", at, host, Wanted::Folder, findings)?;
    Some(Directory { host, guest: guest.to_owned(), read_only })
}
