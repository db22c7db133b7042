//! `PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}`

use axum::extract::State;
use chat::rooms::redact;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

#[derive(Deserialize)]
pub(crate) struct Body {
    reason: Option<String>,
}

/// Removes the content of an event; answers `{"event_id"}` of the redaction. Client-Server API, "Redactions".
///
/// M_FORBIDDEN, M_NOT_FOUND.
pub(crate) async fn redact(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, event_id, txn_id)): Path<(String, String, String)>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    let event_id = redact::remove(&chat, &session, &room_id, &event_id, &txn_id, body.reason).await?;
    Ok(Json(json!({ "event_id": event_id })))
}
