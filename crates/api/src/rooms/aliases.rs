//! `GET /_matrix/client/v3/rooms/{roomId}/aliases`

use axum::extract::State;
use chat::rooms::directory;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// The room's addresses. Client-Server API, "Room aliases". M_FORBIDDEN.
pub(crate) async fn aliases(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
) -> ApiResult<Json<Value>> {
    Ok(Json(json!({ "aliases": directory::aliases(&chat, &session, &room_id).await? })))
}
