//! Compiled code in a file: a header that says of which guest and for which engine, two digests, native code.
//!
//! ```text
//! 0   magic "PILLION\x01"
//! 8   BLAKE3 of the payload: the file is whole
//! 40  keyed BLAKE3 of that digest and the payload: this machine made it
//! 72  payload: fingerprint of the engine (32), digest of the guest (32), length of the inspection (u32 LE),
//!     inspection (JSON), code
//! ```

use crate::Inspection;
use crate::inspect::invalid;
use pillion_api::Error;
use std::hash::{Hash, Hasher};
use wasmtime::Engine;

const MAGIC: &[u8; 8] = b"PILLION\x01";
const DIGEST: usize = 32;
const PAYLOAD: usize = 8 + 2 * DIGEST;
const FIXED: usize = 2 * DIGEST + 4;
/// Version of Wasmtime and of this format; a change of either makes old files worthless.
const VERSION: &str = concat!("pillion artefact 2, wasmtime 48.0, ", env!("CARGO_PKG_VERSION"));

/// A key of this machine.
pub(crate) type Key = [u8; 32];
/// What [`fingerprint`] gives.
pub(crate) type Fingerprint = [u8; DIGEST];

/// Whether bytes begin as an artefact does.
pub(crate) fn is_artefact(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Everything about an engine that compiled code depends on: version, settings, features of the processor.
pub(crate) fn fingerprint(engine: &Engine) -> Fingerprint {
    let mut hasher = Blake(blake3::Hasher::new());
    hasher.0.update(VERSION.as_bytes());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    *hasher.0.finalize().as_bytes()
}

struct Blake(blake3::Hasher);

impl Hasher for Blake {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.finalize();
        digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }
}

/// A file of compiled code.
pub(crate) fn encode(key: Option<&Key>, fingerprint: &Fingerprint, inspection: &Inspection, code: &[u8]) -> Vec<u8> {
    let json = serde_json::to_vec(inspection).expect("plain strings and numbers");
    let digest = digest_of(inspection);
    let mut file = Vec::with_capacity(PAYLOAD + FIXED + json.len() + code.len());
    file.extend_from_slice(MAGIC);
    file.resize(PAYLOAD, 0);
    file.extend_from_slice(fingerprint);
    file.extend_from_slice(&digest);
    file.extend_from_slice(&u32::try_from(json.len()).expect("names are bounded").to_le_bytes());
    file.extend_from_slice(&json);
    file.extend_from_slice(code);
    let plain = *blake3::hash(&file[PAYLOAD..]).as_bytes();
    let keyed = key.map_or([0; DIGEST], |key| signature(key, &plain, &file[PAYLOAD..]));
    file[8..8 + DIGEST].copy_from_slice(&plain);
    file[8 + DIGEST..PAYLOAD].copy_from_slice(&keyed);
    file
}

fn signature(key: &Key, plain: &[u8; DIGEST], payload: &[u8]) -> [u8; DIGEST] {
    *blake3::Hasher::new_keyed(key).update(plain).update(payload).finalize().as_bytes()
}

fn digest_of(inspection: &Inspection) -> [u8; DIGEST] {
    blake3::Hash::from_hex(&inspection.digest).map_or([0; DIGEST], |hash| *hash.as_bytes())
}

/// Who vouches for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This machine's key signed it.
    Own,
    /// It is whole, but who made it is unknown.
    Foreign,
}

/// A file whose digests were checked.
pub(crate) struct Opened<'a> {
    pub(crate) origin: Origin,
    pub(crate) fingerprint: &'a [u8],
    pub(crate) digest: &'a [u8],
    pub(crate) code: &'a [u8],
    json: &'a [u8],
}

impl Opened<'_> {
    pub(crate) fn inspection(&self) -> Option<Inspection> {
        serde_json::from_slice(self.json).ok()
    }
}

/// Checks a file and takes it apart; none where it is damaged. Every byte lies under the digest or is the digest.
pub(crate) fn open<'a>(key: Option<&Key>, file: &'a [u8]) -> Option<Opened<'a>> {
    let payload = file.strip_prefix(MAGIC)?.get(2 * DIGEST..)?;
    let plain: &[u8; DIGEST] = file.get(8..)?.first_chunk()?;
    let keyed: &[u8; DIGEST] = file.get(8 + DIGEST..)?.first_chunk()?;
    // Hashes are compared in constant time.
    let own = key.is_some_and(|key| blake3::Hash::from_bytes(signature(key, plain, payload)) == *keyed);
    // A file that claims a signature and fails it, or has none, is looked at only as a whole; a signed one is whole.
    if !own && blake3::hash(payload) != *plain {
        return None;
    }
    let (fixed, rest) = payload.split_at_checked(FIXED)?;
    let length = u32::from_le_bytes(*fixed.get(2 * DIGEST..)?.first_chunk()?);
    let (json, code) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    let origin = if own { Origin::Own } else { Origin::Foreign };
    Some(Opened { origin, fingerprint: &fixed[..DIGEST], digest: &fixed[DIGEST..2 * DIGEST], code, json })
}

/// What an artefact says of its guest.
pub(crate) fn inspection(file: &[u8]) -> Result<Inspection, Error> {
    let opened = open(None, file).ok_or_else(damaged)?;
    opened.inspection().ok_or_else(damaged)
}

pub(crate) fn damaged() -> Error {
    invalid("is a damaged artefact of `pillion compile`").hint("compile it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: Option<&Key>) -> Vec<u8> {
        let inspection = crate::inspect::inspect(b"(module (func (export \"_start\")))").expect("a module");
        encode(key, &[7; DIGEST], &inspection, b"native code")
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let key = [1; 32];
        let whole = file(Some(&key));
        assert_eq!(open(Some(&key), &whole).expect("whole").origin, Origin::Own);
        assert_eq!(open(Some(&key), &whole).expect("whole").code, b"native code");
        for bit in 0..whole.len() * 8 {
            let mut bad = whole.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open(Some(&key), &bad).is_none_or(|opened| opened.origin == Origin::Foreign), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(open(Some(&key), &whole[..length]).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn another_key_or_none_makes_a_stranger() {
        assert_eq!(open(Some(&[2; 32]), &file(Some(&[1; 32]))).expect("whole").origin, Origin::Foreign);
        assert_eq!(open(Some(&[2; 32]), &file(None)).expect("whole").origin, Origin::Foreign);
        assert_eq!(open(None, &file(None)).expect("whole").origin, Origin::Foreign);
    }
}
