//! Components of WASI 0.3's last release candidate, which Spin's tools still write: its interfaces are those of 0.3.0 by another
//! name, so that the component gets the names of 0.3.0 before anybody reads it.

use std::borrow::Cow;
use wasmparser::{BinaryReader, ComponentExportSectionReader, ComponentImportSectionReader};

/// What the names of the candidate's interfaces end with, and what is cut off.
const CANDIDATE: &str = "@0.3.0-rc-2026-03-15";
const SUFFIX: &str = "-rc-2026-03-15";
const WASI: &str = "wasi:";

/// What a component begins with: the magic number, the version, the layer.
const PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";
/// Sections of a component (component-model, Binary.md).
const IMPORTS: u8 = 10;
const EXPORTS: u8 = 11;
/// The forms of a name that have nothing between this byte and the name's length.
const PLAIN_NAMES: [u8; 2] = [0, 1];

/// The same component by the names of 0.3.0; anything else, and what is damaged, stays as it is.
pub(crate) fn as_released(binary: &[u8]) -> Cow<'_, [u8]> {
    let is_candidate = || memchr::memmem::find(binary, CANDIDATE.as_bytes()).is_some();
    match binary.starts_with(PREAMBLE) && is_candidate() {
        true => renamed(binary).map_or(Cow::Borrowed(binary), Cow::Owned),
        false => Cow::Borrowed(binary),
    }
}

fn renamed(binary: &[u8]) -> Option<Vec<u8>> {
    let mut out = PREAMBLE.to_vec();
    let mut rest = binary.get(PREAMBLE.len()..)?;
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = leb128(after)?;
        let (content, after) = after.split_at_checked(size)?;
        let content = match id {
            IMPORTS | EXPORTS => Cow::Owned(section(id, content)?),
            _ => Cow::Borrowed(content),
        };
        out.push(id);
        push_leb128(&mut out, content.len());
        out.extend_from_slice(&content);
        rest = after;
    }
    Some(out)
}

/// A section of imports or exports: a count, then for each its name and what it is.
fn section(id: u8, content: &[u8]) -> Option<Vec<u8>> {
    let reader = BinaryReader::new(content, 0);
    let entries: Result<Vec<(usize, &str)>, _> = match id {
        IMPORTS => {
            let entries = ComponentImportSectionReader::new(reader).ok()?.into_iter_with_offsets();
            entries.map(|entry| entry.map(|(at, import)| (at, import.name.name))).collect()
        }
        _ => {
            let entries = ComponentExportSectionReader::new(reader).ok()?.into_iter_with_offsets();
            entries.map(|entry| entry.map(|(at, export)| (at, export.name.name))).collect()
        }
    };
    let mut out = Vec::with_capacity(content.len());
    let mut done = 0;
    for (at, name) in entries.ok()? {
        let plain = PLAIN_NAMES.contains(content.get(at)?);
        let Some(released) = released(name).filter(|_| plain) else { continue };
        let (length, after) = leb128(content.get(at + 1..)?)?;
        out.extend_from_slice(content.get(done..=at)?);
        push_leb128(&mut out, released.len());
        out.extend_from_slice(released.as_bytes());
        done = content.len() - after.get(length..)?.len();
    }
    out.extend_from_slice(content.get(done..)?);
    Some(out)
}

fn released(name: &str) -> Option<&str> {
    (name.starts_with(WASI) && name.ends_with(CANDIDATE)).then(|| name.strip_suffix(SUFFIX)).flatten()
}

/// An unsigned number of at most 32 bits, and what follows.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut reader = BinaryReader::new(bytes, 0);
    let number = reader.read_var_u32().ok()?;
    Some((usize::try_from(number).ok()?, bytes.get(reader.original_position()..)?))
}

fn push_leb128(out: &mut Vec<u8>, mut number: usize) {
    while number > 0x7f {
        out.push(number as u8 & 0x7f | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(version: &str) -> Vec<u8> {
        let text = format!(
            r#"(component
                (import "wasi:random/random@{version}" (instance (export "get" (func (result u64)))))
                (import "other:thing/of@{version}" (func))
                (component (import "wasi:inner/name@{version}" (func)))
                (instance $run)
                (export "wasi:cli/run@{version}" (instance $run))
                (@custom "wasi:custom/name@{version}" "-"))"#
        );
        wat::parse_str(text).expect("valid")
    }

    fn names(binary: &[u8]) -> String {
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(binary).expect("valid");
        String::from_utf8_lossy(binary).into_owned()
    }

    #[test]
    fn names_of_the_candidate_become_those_of_the_release_and_all_else_stays() {
        let before = component("0.3.0-rc-2026-03-15");
        let after = names(&as_released(&before));
        for (name, stays) in [
            ("wasi:random/random", false),
            ("wasi:cli/run", false),
            ("other:thing/of", true),
            ("wasi:inner/name", true),
        ] {
            assert_eq!(after.contains(&format!("{name}{CANDIDATE}")), stays, "{name}");
            assert!(after.contains(&format!("{name}@0.3.0")), "{name}");
        }
        assert_eq!(names(&before).len() - after.len(), 2 * SUFFIX.len());
    }

    #[test]
    fn what_is_no_component_of_the_candidate_is_not_touched() {
        for other in
            [component("0.3.0"), component("0.3.0-rc-2025-09-16"), b"\0asm\x01\0\0\0 @0.3.0-rc-2026-03-15".to_vec()]
        {
            assert!(matches!(as_released(&other), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn a_damaged_component_stays_as_it_is() {
        let whole = component("0.3.0-rc-2026-03-15");
        for length in 0..whole.len() {
            let cut = as_released(&whole[..length]).into_owned();
            assert!(cut.len() <= length);
        }
        for at in PREAMBLE.len()..whole.len() {
            let mut broken = whole.clone();
            broken[at] = 0xff;
            as_released(&broken);
        }
    }
}
