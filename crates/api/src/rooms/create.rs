//! `POST /_matrix/client/v3/createRoom`

use axum::extract::State;
use chat::rooms::create::{self, NewRoom};
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// Creates a room; answers `{"room_id"}`. Client-Server API, "Creation".
///
/// M_ROOM_IN_USE, M_UNSUPPORTED_ROOM_VERSION, M_INVALID_ROOM_STATE, M_INVALID_PARAM, M_NOT_FOUND (an invited user).
pub(crate) async fn create(
    State(chat): State<App>,
    Auth(session): Auth,
    Json(room): Json<NewRoom>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    let room_id = create::create(&chat, &session, room).await?;
    Ok(Json(json!({ "room_id": room_id })))
}
