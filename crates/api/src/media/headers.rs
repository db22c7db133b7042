//! What surrounds a file on its way out: nothing that a stranger uploaded may run, and nothing is fetched twice.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName, header};

/// What browsers show in place (Client-Server API, "Serving inline content"). None of these runs scripts.
const INLINE: &[&str] = &[
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

/// The second wall: even what is opened in place has no origin, no scripts and no network. Other origins may show it
/// (web clients do not live where the server does); who may read it is decided by the token.
pub(super) const SAFETY: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; media-src 'self'; object-src 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Files never change, so a browser may keep them for good; shared caches may not, as they ask for no token.
pub(super) fn caching(etag: &str) -> [(HeaderName, String); 2] {
    let cache = "private, max-age=31536000, immutable".to_owned();
    [(header::CACHE_CONTROL, cache), (header::ETAG, etag.to_owned())]
}

/// The entity tag of what is named by `id`.
pub(super) fn etag(id: &str) -> String {
    format!("\"{id}\"")
}

/// Whether the client has it already (`If-None-Match`).
pub(super) fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
    })
}

/// `inline` for what is safe to show, `attachment` for everything else, with the file's name (RFC 6266).
pub(super) fn disposition(content_type: &str, filename: Option<&str>) -> String {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let inline = INLINE.iter().any(|safe| essence.eq_ignore_ascii_case(safe));
    let kind = if inline { "inline" } else { "attachment" };
    match filename {
        None => kind.to_owned(),
        Some(name) if name.bytes().all(|c| (0x20..0x7f).contains(&c) && !matches!(c, b'"' | b'\\' | b'%')) => {
            format!("{kind}; filename=\"{name}\"")
        }
        Some(name) => format!("{kind}; filename*=utf-8''{}", percent_encoded(name)),
    }
}

/// The `value-chars` of RFC 5987.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_run_is_shown_in_place() {
        for (content_type, kind) in [
            ("image/png", "inline"),
            ("IMAGE/PNG", "inline"),
            ("text/plain; charset=utf-8", "inline"),
            ("text/html", "attachment"),
            ("text/html; image/png", "attachment"),
            ("image/svg+xml", "attachment"),
            ("application/xhtml+xml", "attachment"),
            ("application/pdf", "attachment"),
            ("application/octet-stream", "attachment"),
            ("", "attachment"),
        ] {
            assert_eq!(disposition(content_type, None), kind, "{content_type}");
        }
    }

    #[test]
    fn names_survive_and_cannot_break_the_header() {
        for (name, header) in [
            ("War and Peace.pdf", "inline; filename=\"War and Peace.pdf\""),
            ("naïve.txt", "inline; filename*=utf-8''na%C3%AFve.txt"),
            ("a\"b\\c", "inline; filename*=utf-8''a%22b%5Cc"),
            ("x\r\nSet-Cookie: y", "inline; filename*=utf-8''x%0D%0ASet-Cookie%3A%20y"),
            ("100%25.txt", "inline; filename*=utf-8''100%2525.txt"),
            ("日本 '.txt", "inline; filename*=utf-8''%E6%97%A5%E6%9C%AC%20%27.txt"),
        ] {
            assert_eq!(disposition("image/png", Some(name)), header);
        }
    }

    #[test]
    fn a_known_entity_tag_is_found_among_others() {
        let request = |value: &str| HeaderMap::from_iter([(header::IF_NONE_MATCH, value.parse().unwrap())]);
        assert!(is_known(&request("\"a\", W/\"b\""), "\"b\"") && is_known(&request("*"), "\"b\""));
        assert!(!is_known(&request("\"a\""), "\"b\"") && !is_known(&HeaderMap::new(), "\"b\""));
    }
}
