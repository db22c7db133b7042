//! The web client that the binary carries.

use api::Asset;

/// Files of `web/dist` as they were when the server was built.
const BUILT: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What is served when the client was not built before the server.
const MISSING: &[Asset] = &[Asset {
    path: "index.html",
    content_type: "text/html; charset=utf-8",
    etag: "\"no-client\"",
    body: include_bytes!("no_client.html"),
    brotli: None,
}];

/// The files to serve.
pub(crate) fn assets() -> &'static [Asset] {
    if BUILT.is_empty() { MISSING } else { BUILT }
}
