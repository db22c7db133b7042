//! `GET /.well-known/matrix/client`

use axum::{
    extract::State,
    http::{HeaderMap, header},
};
use serde_json::{Value, json};

use crate::{
    error::{ApiError, ApiResult},
    extract::Json,
    surface::forwarded_tls,
};

/// Where clients find the server. Client-Server API, "Server Discovery".
///
/// Without `server.public_url`, the address that the request came to: whoever asked has reached the server there.
/// M_NOT_FOUND (404) if the request does not say.
pub(crate) async fn client(State(public_url): State<String>, headers: HeaderMap) -> ApiResult<Json<Value>> {
    let base_url = if public_url.is_empty() { asked(&headers) } else { Some(public_url) };
    let base_url = base_url.ok_or_else(|| ApiError::not_found("The server does not know its address."))?;
    Ok(Json(json!({ "m.homeserver": { "base_url": base_url.trim_end_matches('/') } })))
}

fn asked(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let scheme = if forwarded_tls(headers) { "https" } else { "http" };
    (!host.is_empty() && host.chars().all(plain)).then(|| format!("{scheme}://{host}"))
}
