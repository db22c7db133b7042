//! `POST /_matrix/client/v3/rooms/{roomId}/leave`

use axum::extract::State;
use chat::rooms::membership;
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

/// Leaves a room, declines an invitation or takes a knock back. Client-Server API, "Leaving rooms".
///
/// M_FORBIDDEN if the user has nothing to do with the room.
pub(crate) async fn leave(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    membership::leave(&chat, &session.user_id, &room_id, body.reason).await?;
    Ok(Json(json!({})))
}
