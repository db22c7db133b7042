//! `POST /_matrix/client/v3/rooms/{roomId}/{invite,kick,ban,unban}`: the four take the same body.

use axum::extract::State;
use chat::rooms::membership::{self, Action};
use ruma::OwnedUserId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

#[derive(Deserialize)]
pub(crate) struct Body {
    user_id: OwnedUserId,
    reason: Option<String>,
}

/// Does it to somebody. Client-Server API, "Room membership". M_FORBIDDEN; M_NOT_FOUND to invite nobody.
pub(crate) async fn moderate(
    action: Action,
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    membership::moderate(&chat, &session, &room_id, action, &body.user_id, body.reason).await?;
    Ok(Json(json!({})))
}
