//! `GET /_chatbook/live` and `GET /_chatbook/ready`: for load balancers and supervisors.
//!
//! An extension, without authentication: it says nothing but whether requests are to be sent here.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde_json::json;

use crate::extract::App;

/// `{"status": "live"}`: the process answers. Without an answer it is to be started again.
pub(crate) async fn live() -> impl IntoResponse {
    Json(json!({ "status": "live" }))
}

/// `{"status": "ready"}`; with 503 `{"status": "draining"}` once the server is about to stop. A database that is away
/// does not count: it is away for all nodes, and requests are told so with a Matrix error.
pub(crate) async fn ready(State(chat): State<App>) -> impl IntoResponse {
    match *chat.draining.borrow() {
        false => (StatusCode::OK, Json(json!({ "status": "ready" }))),
        true => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "draining" }))),
    }
}
