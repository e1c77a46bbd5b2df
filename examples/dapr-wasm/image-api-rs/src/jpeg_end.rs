//! Whether a JPEG is whole: the decoder fills what is missing with grey and says nothing.

use crate::Error;

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// Refuses a JPEG without its end marker. Bytes behind the marker are fine: phones append a film there.
pub(crate) fn check(picture: &[u8]) -> Result<(), Error> {
    // What is no chain of segments is left to the decoder, which says where it is broken.
    match scan_start(picture) {
        Scan::Starts(at) if has_end(&picture[at..]) => Ok(()),
        Scan::Starts(_) | Scan::Cut => Err(Error::Truncated("JPEG")),
        Scan::Unclear => Ok(()),
    }
}

enum Scan {
    Starts(usize),
    /// The bytes end before a scan starts.
    Cut,
    Unclear,
}

/// Walks the segments before the first scan, since a thumbnail among them has an end marker of its own (ITU-T T.81, B.1.1).
fn scan_start(picture: &[u8]) -> Scan {
    let mut at = 2;
    loop {
        match picture.get(at..).unwrap_or_default() {
            [0xff, START_OF_SCAN, ..] => return Scan::Starts(at),
            // Fill bytes, and markers without a length.
            [0xff, 0xff, ..] => at += 1,
            [0xff, 0x01 | 0xd0..=0xd8, ..] => at += 2,
            [0xff, _, high, low, ..] => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
            [0xff, ..] | [] => return Scan::Cut,
            _ => return Scan::Unclear,
        }
    }
}

/// From the back, where the marker nearly always is. Within a scan it can't be data: 0xff is followed by 0 there.
fn has_end(scan: &[u8]) -> bool {
    scan.windows(2).rev().any(|pair| pair == END_OF_IMAGE)
}
