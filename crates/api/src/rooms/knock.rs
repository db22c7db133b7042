//! `POST /_matrix/client/v3/knock/{roomIdOrAlias}`

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

/// Asks to be let into a room; answers `{"room_id"}`. Client-Server API, "Knocking on rooms".
///
/// M_FORBIDDEN, M_NOT_FOUND, M_INVALID_PARAM.
pub(crate) async fn knock(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    let room_id = directory::resolve(&chat, &room).await?;
    membership::knock(&chat, &session, &room_id, body.reason).await?;
    Ok(Json(json!({ "room_id": room_id })))
}
