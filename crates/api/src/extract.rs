//! What handlers take: the caller's session, a JSON body, path and query parameters, each with a Matrix error.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Request},
    http::{StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use chat::{Chat, sessions::Session};
use http_body_util::LengthLimitError;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::error::{ApiError, ApiResult};

/// Bodies of everything but uploads, bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// What every handler has: the rules.
pub type App = Arc<Chat>;

/// The caller's session, from `Authorization: Bearer …`. M_MISSING_TOKEN or M_UNKNOWN_TOKEN (401) without one.
pub struct Auth(pub Arc<Session>);

impl FromRequestParts<App> for Auth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, chat: &App) -> ApiResult<Self> {
        let missing =
            || ApiError::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", "Sign in: the request has no access token.");
        let token = bearer(parts).ok_or_else(missing)?;
        let session = chat::sessions::authenticate(chat, token).await?;
        chat::sessions::seen(chat, &session, &client_ip(parts));
        Ok(Self(session))
    }
}

/// The token of the Authorization header.
pub fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A JSON body of type `T`, whatever the content type says. An empty body counts as `{}`.
///
/// M_NOT_JSON if it is no JSON, M_BAD_JSON if it has the wrong shape, M_TOO_LARGE past 1 MiB, M_UNKNOWN (408)
/// if it does not come in time: what has come of it takes memory, also of who is not signed in.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, chat: &App) -> ApiResult<Self> {
        let patience = Duration::from_millis(chat.config.limits.body_timeout_ms);
        let late = |_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "M_UNKNOWN", "The request did not come in time.");
        let read = timeout(patience, body::to_bytes(request.into_body(), BODY_LIMIT)).await.map_err(late)?;
        let bytes = read.map_err(|error| match error.into_inner().is::<LengthLimitError>() {
            true => ApiError::too_large("The request is too large."),
            false => ApiError::not_json("The request's body could not be read."),
        })?;
        parse(&bytes).map(Self)
    }
}

/// Reads JSON of type `T`; an empty text counts as `{}`.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    // Serde does not look into what it passes over.
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::not_json("The request is not UTF-8."))?;
    let text = if text.is_empty() { "{}" } else { text };
    // Not by serde's own classification: nesting too deep to read is an error of syntax to it, and what follows a value
    // of the wrong shape is not looked at.
    let read = serde_json::from_str(text).map_err(|error| match is_json(text) {
        true => ApiError::bad_json(format!("The JSON is not as expected: {error}.")),
        false => ApiError::not_json(format!("The request is not JSON: {error}.")),
    })?;
    // Left alone, an array would be taken for the fields of an object in their order.
    if text.trim_ascii_start().starts_with('{') {
        Ok(read)
    } else {
        Err(ApiError::bad_json("The JSON has to be an object."))
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => {
                ApiError::from(chat::Error::Store(chat::StoreError::Database(error.to_string().into()))).into_response()
            }
        }
    }
}

/// Path parameters, decoded. M_INVALID_PARAM if one is not what the endpoint takes.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        // Not every database takes one. Files are looked up by names that are checked there: such a one is not found.
        if parts.uri.path().contains("%00") && !parts.uri.path().contains("/media/") {
            return Err(ApiError::invalid("The path contains a NUL character."));
        }
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|rejection| ApiError::invalid(rejection.body_text()))
    }
}

/// Query parameters. M_INVALID_PARAM if one is not what the endpoint takes.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|rejection| ApiError::invalid(rejection.body_text()))
    }
}

/// The address that the request came from, for rate limits and the device list; as the router's outermost layer found it.
pub struct ClientIp(pub String);

impl FromRequestParts<App> for ClientIp {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> ApiResult<Self> {
        Ok(Self(client_ip(parts)))
    }
}

fn client_ip(parts: &Parts) -> String {
    parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or_else(String::new, |client| client.0.ip().to_string())
}
