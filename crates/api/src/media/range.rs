//! Which bytes a request asks for (RFC 9110, section 14): players seek with it.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Requested {
    /// Everything: no range, one that makes no sense, or several, which a server may ignore.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that are not there.
    Outside,
}

/// Reads `Range` and `If-Range` of a request for something of `size` bytes.
pub(super) fn requested(headers: &HeaderMap, etag: &str, size: u64) -> Requested {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(range) = text(header::RANGE) else { return Requested::Whole };
    if headers.contains_key(header::IF_RANGE) && text(header::IF_RANGE) != Some(etag) {
        return Requested::Whole;
    }
    bytes(range, size).unwrap_or(Requested::Whole)
}

fn bytes(range: &str, size: u64) -> Option<Requested> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |digits: &str| digits.trim().parse::<u64>().ok();
    let (start, end) = match (first.trim(), last.trim()) {
        ("", suffix) => (size.saturating_sub(number(suffix)?), size),
        (first, "") => (number(first)?, size),
        (first, last) if number(first)? > number(last)? => return None,
        (first, last) => (number(first)?, number(last)?.saturating_add(1).min(size)),
    };
    Some(if start < end { Requested::Part(start..end) } else { Requested::Outside })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(range: &str, size: u64) -> Requested {
        requested(&HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]), "\"x\"", size)
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        for (range, expected) in [
            ("bytes=0-9", Requested::Part(0..10)),
            ("bytes=90-", Requested::Part(90..100)),
            ("bytes=-10", Requested::Part(90..100)),
            ("bytes=-1000", Requested::Part(0..100)),
            ("bytes=99-18446744073709551615", Requested::Part(99..100)),
            ("bytes=100-", Requested::Outside),
            ("bytes=-0", Requested::Outside),
            ("bytes=5-4", Requested::Whole),
            ("bytes=0-1,5-6", Requested::Whole),
            ("bytes=a-b", Requested::Whole),
            ("bytes=-", Requested::Whole),
            ("lines=0-1", Requested::Whole),
            ("bytes=99999999999999999999-", Requested::Whole),
        ] {
            assert_eq!(ask(range, 100), expected, "{range}");
        }
        assert_eq!(ask("bytes=0-", 0), Requested::Outside);
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole() {
        let headers = |tag: &str| {
            HeaderMap::from_iter([
                (header::RANGE, "bytes=1-2".parse().unwrap()),
                (header::IF_RANGE, tag.parse().unwrap()),
            ])
        };
        assert_eq!(requested(&headers("\"x\""), "\"x\"", 9), Requested::Part(1..3));
        assert_eq!(requested(&headers("\"y\""), "\"x\"", 9), Requested::Whole);
    }
}
