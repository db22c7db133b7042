//! `POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}` and `POST …/read_markers`

use axum::extract::State;
use chat::receipts::{self, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

#[derive(Deserialize)]
pub(crate) struct Body {
    thread_id: Option<String>,
}

/// Marks how far the user has read. Client-Server API, "Receipts".
///
/// M_INVALID_PARAM for a type that is none, M_FORBIDDEN, M_NOT_FOUND.
pub(crate) async fn receipt(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, kind, event_id)): Path<(String, String, String)>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    receipts::set(&chat, &session, &room_id, Kind::parse(&kind)?, &event_id, body.thread_id.as_deref()).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub(crate) struct Markers {
    #[serde(rename = "m.fully_read")]
    fully_read: Option<String>,
    #[serde(rename = "m.read")]
    read: Option<String>,
    #[serde(rename = "m.read.private")]
    read_private: Option<String>,
}

/// Moves several marks at once. Client-Server API, "Fully read markers". M_FORBIDDEN, M_NOT_FOUND.
pub(crate) async fn read_markers(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Json(markers): Json<Markers>,
) -> ApiResult<Json<Value>> {
    let Markers { fully_read, read, read_private } = markers;
    for (kind, event_id) in [(Kind::FullyRead, fully_read), (Kind::Read, read), (Kind::ReadPrivate, read_private)] {
        if let Some(event_id) = event_id {
            receipts::set(&chat, &session, &room_id, kind, &event_id, None).await?;
        }
    }
    Ok(Json(json!({})))
}
