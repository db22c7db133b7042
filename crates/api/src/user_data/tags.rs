//! `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags`, `PUT` and `DELETE …/tags/{tag}`

use axum::extract::State;
use chat::account_data;
use serde_json::{Map, Value, json};

use super::account_data::check_room;
use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// The room's tags. Client-Server API, "Room Tagging". M_FORBIDDEN for another user.
pub(crate) async fn get(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, room_id)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    session.check_self(&user_id)?;
    check_room(&room_id)?;
    Ok(Json(json!({ "tags": account_data::tags(&chat, &user_id, &room_id).await? })))
}

/// Tags the room. M_FORBIDDEN for another user, M_INVALID_PARAM, M_LIMIT_EXCEEDED.
pub(crate) async fn put(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, room_id, tag)): Path<(String, String, String)>,
    Json(content): Json<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    session.check_self(&user_id)?;
    check_room(&room_id)?;
    account_data::tag(&chat, &session.user_id, &room_id, &tag, Some(content)).await?;
    Ok(Json(json!({})))
}

/// Takes a tag away. M_FORBIDDEN for another user, M_LIMIT_EXCEEDED.
pub(crate) async fn delete(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, room_id, tag)): Path<(String, String, String)>,
) -> ApiResult<Json<Value>> {
    session.check_self(&user_id)?;
    check_room(&room_id)?;
    account_data::tag(&chat, &session.user_id, &room_id, &tag, None).await?;
    Ok(Json(json!({})))
}
