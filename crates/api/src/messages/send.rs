//! `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`

use axum::extract::State;
use chat::rooms::send;
use serde_json::{Value, json, value::RawValue};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// Sends a message, once per transaction id; answers `{"event_id"}`. Client-Server API, "Sending events to a room".
///
/// M_FORBIDDEN, M_BAD_JSON, M_TOO_LARGE, M_LIMIT_EXCEEDED.
pub(crate) async fn send(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, kind, txn_id)): Path<(String, String, String)>,
    Json(content): Json<Box<RawValue>>,
) -> ApiResult<Json<Value>> {
    let event_id = send::message(&chat, &session, &room_id, &kind, &txn_id, content).await?;
    Ok(Json(json!({ "event_id": event_id })))
}
