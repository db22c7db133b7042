//! The web client's files.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

/// A file of the web client, part of the binary.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its path under `/`, such as `assets/index-4f3a.js`.
    pub path: &'static str,
    /// The value of Content-Type.
    pub content_type: &'static str,
    /// The value of ETag.
    pub etag: &'static str,
    /// Its bytes.
    pub body: &'static [u8],
    /// The same, compressed with Brotli.
    pub brotli: Option<&'static [u8]>,
}

/// What a page of ours may do: run its own scripts (and compile the encryption's WebAssembly), talk to its own server,
/// show what it has downloaded. Nobody may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    font-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self' blob:; worker-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Names of these files change with their content.
const HASHED: &str = "assets/";
const INDEX: &str = "index.html";

/// The file at the request's path; the client's page for any other path, since the client has addresses of its own.
pub(crate) fn serve(assets: &'static [Asset], request: &Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let find = |path: &str| assets.iter().find(|asset| asset.path == path);
    match find(path).or_else(|| if path.starts_with(HASHED) { None } else { find(INDEX) }) {
        Some(asset) => answer(asset, request.headers()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(asset: &'static Asset, request: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name, value| drop(headers.insert(name, HeaderValue::from_static(value)));
    let hashed = asset.path.starts_with(HASHED);
    set(header::CACHE_CONTROL, if hashed { "public, max-age=31536000, immutable" } else { "no-cache" });
    set(header::CONTENT_TYPE, asset.content_type);
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::ETAG, asset.etag);
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::VARY, "accept-encoding");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if request.get(header::IF_NONE_MATCH).is_some_and(|known| known == asset.etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    match asset.brotli.filter(|_| accepts_brotli(request)) {
        Some(body) => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
            (headers, body).into_response()
        }
        None => (headers, asset.body).into_response(),
    }
}

fn accepts_brotli(request: &HeaderMap) -> bool {
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| coding.trim() == "br")
}
