//! `POST /_matrix/client/v3/join/{roomIdOrAlias}` and `POST /_matrix/client/v3/rooms/{roomId}/join`

use axum::extract::State;
use chat::rooms::{directory, membership};
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

/// Joins a room by its id or address, under both paths; answers `{"room_id"}`. Client-Server API, "Joining rooms".
///
/// M_FORBIDDEN, M_NOT_FOUND, M_INVALID_PARAM, M_LIMIT_EXCEEDED.
pub(crate) async fn join(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    let room_id = directory::resolve(&chat, &room).await?;
    membership::join(&chat, &session, &room_id, body.reason).await?;
    Ok(Json(json!({ "room_id": room_id })))
}
