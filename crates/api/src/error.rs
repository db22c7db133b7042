//! The one error that handlers return, and how it looks to a client.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

/// A Matrix error: an HTTP status and a body of `errcode`, `error` and what the errcode adds.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    body: Map<String, Value>,
    /// Why it failed, for the log only.
    cause: Option<String>,
}

/// Shorthand for results of handlers.
pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    /// Any Matrix error.
    pub fn new(status: StatusCode, errcode: &str, message: impl Into<String>) -> Self {
        let mut body = Map::new();
        body.insert("errcode".into(), errcode.into());
        body.insert("error".into(), Value::String(message.into()));
        Self { status, body, cause: None }
    }
    /// M_BAD_JSON (400): JSON of the wrong shape.
    pub fn bad_json(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_BAD_JSON", message)
    }
    /// M_NOT_JSON (400): no JSON.
    pub fn not_json(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_NOT_JSON", message)
    }
    /// M_INVALID_PARAM (400): a parameter that makes no sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_INVALID_PARAM", message)
    }
    /// M_MISSING_PARAM (400)
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_MISSING_PARAM", message)
    }
    /// M_FORBIDDEN (403)
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message)
    }
    /// M_NOT_FOUND (404)
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", message)
    }
    /// M_TOO_LARGE (413)
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", message)
    }
    /// M_UNKNOWN (500), the cause for the log only.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        let message = "Something went wrong on the server.";
        Self { cause: Some(cause.to_string()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN", message) }
    }
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
    /// Adds a field to the body.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.body.insert(field.into(), value.into());
        self
    }
    /// The body, for transports that are not HTTP.
    pub fn into_body(self) -> Value {
        self.log();
        Value::Object(self.body)
    }

    fn log(&self) {
        if let Some(cause) = &self.cause {
            tracing::error!(name: "api.error", cause, status = self.status.as_u16(), "a request failed");
        }
    }
}

impl From<chat::Error> for ApiError {
    fn from(error: chat::Error) -> Self {
        use chat::Error as E;
        match error {
            E::Forbidden(message) => Self::forbidden(message),
            E::NotFound(message) => Self::not_found(message),
            E::Invalid(message) => Self::invalid(message),
            E::Matrix { status, errcode, message } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                Self::new(status, errcode, message)
            }
            E::RateLimited { retry_after_ms } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED", "Too many requests: wait a moment.")
                    .with("retry_after_ms", retry_after_ms)
            }
            E::SoftLogout => Self::new(
                StatusCode::UNAUTHORIZED,
                "M_UNKNOWN_TOKEN",
                "The access token has expired: refresh it or sign in again.",
            )
            .with("soft_logout", true),
            E::Challenge(challenge) => Self::challenge(*challenge),
            E::Files(_) => Self::internal(&error),
            E::FilesAway => {
                let message = "The server cannot reach its files. Nothing was saved: try again shortly.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ORG.CHATBOOK.STORAGE_UNAVAILABLE", message)
                    .with("retry_after_ms", 1000)
            }
            E::Store(error) => Self::store(&error),
        }
    }
}

impl ApiError {
    /// What user-interactive authentication still needs; `errcode` and `error` only if something was tried and failed.
    fn challenge(challenge: chat::uia::Challenge) -> Self {
        let flows: Vec<Value> = challenge.flows.into_iter().map(|stages| json!({ "stages": stages })).collect();
        let (session, completed) = (challenge.session, challenge.completed);
        let body = json!({ "flows": flows, "params": {}, "session": session, "completed": completed });
        let Value::Object(mut body) = body else { unreachable!("an object literal") };
        if let Some((errcode, message)) = challenge.failure {
            body.insert("errcode".into(), errcode.into());
            body.insert("error".into(), message.into());
        }
        Self { status: StatusCode::UNAUTHORIZED, body, cause: None }
    }

    fn store(error: &chat::StoreError) -> Self {
        use chat::StoreError as E;
        let mut answer = match error {
            E::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "ORG.CHATBOOK.STORAGE_FULL",
                "The server's disk is full. Nothing was saved: try again when its operator has made room.",
            ),
            E::Overloaded => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "M_LIMIT_EXCEEDED", "The server is busy: try again shortly.")
                    .with("retry_after_ms", 1000)
            }
            E::Unstorable => Self::invalid("A text has a NUL character, which cannot be kept."),
            E::Unavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ORG.CHATBOOK.STORAGE_UNAVAILABLE",
                "The server cannot reach its database; whether anything was saved is not known: repeat it under the same \
                 transaction id.",
            )
            .with("retry_after_ms", 1000),
            E::Closed => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "M_UNKNOWN",
                "The server is stopping; whether this was saved is not known: repeat it under the same transaction id.",
            ),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN", "Something went wrong on the server."),
        };
        if answer.status.is_server_error() {
            answer.cause = Some(error.to_string());
        }
        answer
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let retry_after = self.body.get("retry_after_ms").and_then(Value::as_u64).map(|ms| ms.div_ceil(1000));
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/json")], json!(self.body).to_string()).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
