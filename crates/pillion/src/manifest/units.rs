//! Sizes as Kubernetes writes them and durations as Go writes them.

use std::time::Duration;

/// Bytes: `64Mi`, `64MiB`, `64M` (a million each), `67108864`.
///
/// # Errors
/// What is wrong, to stand behind the value in a message.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    const FORM: &str = "a size is a whole number with a unit such as Ki, Mi or Gi";
    let (digits, unit) = split(text.trim());
    let number: u64 = digits.parse().map_err(|_| FORM.to_owned())?;
    let factor: u64 = match unit.strip_suffix('B').unwrap_or(unit) {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" | "K" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => return Err(FORM.to_owned()),
    };
    number.checked_mul(factor).ok_or_else(|| "the size is larger than any memory".to_owned())
}

/// A time: `1m30s`, `500ms`, `1.5h`, `0`.
///
/// # Errors
/// What is wrong, to stand behind the value in a message.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if (1..=MAX_DIGITS).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("a duration needs a unit, as in `{rest}s` or `{rest}ms`"));
    }
    let mut total = 0;
    while let Some((part, after)) = first_part(rest) {
        total += part;
        rest = after;
        if rest.is_empty() && total <= MAX_NANOS {
            // In range, as MAX_NANOS fits.
            return Ok(Duration::from_nanos(total as u64));
        }
        if total > MAX_NANOS {
            return Err("the duration is longer than 100 years".to_owned());
        }
    }
    Err("a duration is written as in `1m30s` or `500ms`".to_owned())
}

/// A hundred years, so that no sum of a clock and a duration overflows.
const MAX_NANOS: u128 = 100 * 366 * 24 * 3600 * 1_000_000_000;
/// More digits than this say nothing more, and could overflow.
const MAX_DIGITS: usize = 18;

/// One number with its unit, in nanoseconds, and what follows.
fn first_part(text: &str) -> Option<(u128, &str)> {
    let (whole, rest) = split(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), split);
    if whole.len() + fraction.len() == 0 || whole.len().max(fraction.len()) > MAX_DIGITS {
        return None;
    }
    let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    };
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let tenth = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    Some((number(whole)? * unit + number(fraction)? * unit / tenth, rest))
}

/// Leading digits and the rest.
fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_kubernetes_reads_them() {
        for (text, bytes) in [
            ("67108864", 64 << 20),
            ("64Mi", 64 << 20),
            ("64MiB", 64 << 20),
            ("4Ki", 4096),
            ("1Gi", 1 << 30),
            ("2T", 2_000_000_000_000),
            ("5M", 5_000_000),
            ("5MB", 5_000_000),
            ("7B", 7),
            ("0", 0),
            (" 1Mi ", 1 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "Mi", "-1", "1.5Gi", "1 Mi", "1mi", "1Xi", "99999999999Ti", "18446744073709551616", "+1", "0x10"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("0", 0),
            ("0s", 0),
            ("1h1m1s1ms", 3_661_001),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(duration("3µs"), Ok(Duration::from_nanos(3000)));
        for text in
            ["", "s", "5", "-1s", "5 s", "5sec", "1d", ".s", "1.2.3s", "9999999999h", "inf", "1s2", &"9".repeat(40)]
        {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("5"), Err("a duration needs a unit, as in `5s` or `5ms`".to_owned()));
    }
}
