//! `GET`, `PUT /_matrix/client/v3/directory/list/room/{roomId}`

use axum::extract::State;
use chat::rooms::{create::Visibility, directory};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// Whether the room stands in the public list. Client-Server API, "Listing rooms". M_NOT_FOUND.
pub(crate) async fn get(State(chat): State<App>, Path(room_id): Path<String>) -> ApiResult<Json<Value>> {
    let visibility = if directory::is_public(&chat, &room_id).await? { "public" } else { "private" };
    Ok(Json(json!({ "visibility": visibility })))
}

#[derive(Deserialize)]
pub(crate) struct Body {
    #[serde(default = "public")]
    visibility: Visibility,
}

fn public() -> Visibility {
    Visibility::Public
}

/// Lists the room, or stops listing it. M_FORBIDDEN, M_NOT_FOUND.
pub(crate) async fn put(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    directory::set_public(&chat, &session, &room_id, body.visibility == Visibility::Public).await?;
    Ok(Json(json!({})))
}
