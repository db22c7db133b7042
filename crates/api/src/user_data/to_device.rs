//! `PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}`

use axum::extract::State;
use chat::to_device::{self, Messages};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

#[derive(Deserialize)]
pub(crate) struct Body {
    messages: Messages,
}

/// Sends messages to devices, once per transaction id. Client-Server API, "Send-to-Device messaging". M_TOO_LARGE.
pub(crate) async fn send(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((kind, txn_id)): Path<(String, String)>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    to_device::send(&chat, &session, &kind, &txn_id, &body.messages).await?;
    Ok(Json(json!({})))
}
