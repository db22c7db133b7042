//! `GET`, `PUT /_matrix/client/v3/user/{userId}/[rooms/{roomId}/]account_data/{type}`

use std::sync::Arc;

use axum::extract::State;
use chat::{account_data, sessions::Session};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Json, Path},
};

/// The user's global account data of a type. Client-Server API, "Client Config". M_FORBIDDEN for another user,
/// M_NOT_FOUND.
pub(crate) async fn get(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, kind)): Path<(String, String)>,
) -> ApiResult<Json<Arc<RawValue>>> {
    read(&chat, &session, &user_id, "", &kind).await
}

/// The same for a room.
pub(crate) async fn get_room(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, room_id, kind)): Path<(String, String, String)>,
) -> ApiResult<Json<Arc<RawValue>>> {
    check_room(&room_id)?;
    read(&chat, &session, &user_id, &room_id, &kind).await
}

async fn read(
    chat: &App,
    session: &Session,
    user_id: &str,
    room_id: &str,
    kind: &str,
) -> ApiResult<Json<Arc<RawValue>>> {
    session.check_self(user_id)?;
    let content = account_data::get(chat, user_id, room_id, kind).await?;
    content.map(Json).ok_or_else(|| ApiError::not_found("There is no account data of this type."))
}

/// Sets the user's global account data of a type. M_FORBIDDEN for another user, M_BAD_JSON, M_TOO_LARGE,
/// M_RESOURCE_LIMIT_EXCEEDED, M_LIMIT_EXCEEDED.
pub(crate) async fn put(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, kind)): Path<(String, String)>,
    Json(content): Json<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    session.check_self(&user_id)?;
    account_data::set(&chat, &session.user_id, "", &kind, &content).await?;
    Ok(Json(json!({})))
}

/// The same for a room.
pub(crate) async fn put_room(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, room_id, kind)): Path<(String, String, String)>,
    Json(content): Json<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    session.check_self(&user_id)?;
    check_room(&room_id)?;
    account_data::set(&chat, &session.user_id, &room_id, &kind, &content).await?;
    Ok(Json(json!({})))
}

pub(super) fn check_room(room_id: &str) -> ApiResult<()> {
    match ruma::RoomId::parse(room_id) {
        Ok(_) => Ok(()),
        Err(_) => Err(ApiError::invalid("This is not a room id.")),
    }
}
