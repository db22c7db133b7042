//! `PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}`

use axum::extract::State;
use chat::typing;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

#[derive(Deserialize)]
pub(crate) struct Body {
    typing: bool,
    /// Milliseconds.
    timeout: Option<i64>,
}

/// Says that the user types, or has stopped. Client-Server API, "Typing notifications".
///
/// M_FORBIDDEN for another user, or who is not in the room.
pub(crate) async fn typing(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, user_id)): Path<(String, String)>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    session.check_self(&user_id)?;
    typing::set(&chat, &session, &room_id, body.typing.then(|| body.timeout.unwrap_or(30_000))).await?;
    Ok(Json(json!({})))
}
