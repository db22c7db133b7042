//! `GET /_matrix/client/v3/joined_rooms`

use axum::extract::State;
use chat::rooms::membership;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// The rooms that the user is in. Client-Server API, "Room membership".
pub(crate) async fn joined_rooms(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Value>> {
    Ok(Json(json!({ "joined_rooms": membership::joined_rooms(&chat, &session).await? })))
}
