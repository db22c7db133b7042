//! `GET`, `PUT`, `DELETE /_matrix/client/v3/directory/room/{roomAlias}`

use axum::extract::State;
use chat::rooms::directory;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Json, Path},
};

/// The room that an address names. Client-Server API, "Room aliases". M_NOT_FOUND, M_INVALID_PARAM.
pub(crate) async fn get(State(chat): State<App>, Path(alias): Path<String>) -> ApiResult<Json<Value>> {
    if !alias.starts_with('#') {
        return Err(ApiError::invalid("A room address begins with \"#\"."));
    }
    let room_id = directory::resolve(&chat, &alias).await?;
    Ok(Json(json!({ "room_id": room_id, "servers": [chat.server_name] })))
}

#[derive(Deserialize)]
pub(crate) struct Body {
    room_id: String,
}

/// Gives a room an address. M_UNKNOWN (409) if it is taken, M_FORBIDDEN, M_INVALID_PARAM.
pub(crate) async fn put(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(alias): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    directory::put_alias(&chat, &session, &alias, &body.room_id).await?;
    Ok(Json(json!({})))
}

/// Takes an address away. M_NOT_FOUND, M_FORBIDDEN.
pub(crate) async fn delete(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(alias): Path<String>,
) -> ApiResult<Json<Value>> {
    directory::delete_alias(&chat, &session, &alias).await?;
    Ok(Json(json!({})))
}
