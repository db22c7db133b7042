//! `GET /_matrix/client/v3/profile/{userId}` and `GET /_matrix/client/v3/profile/{userId}/{keyName}`

use axum::extract::State;
use serde_json::{Map, Value};

use crate::{
    error::ApiResult,
    extract::{App, ClientIp, Json, Path},
};

/// A user's profile. Client-Server API, "Profiles".
///
/// M_NOT_FOUND (404). M_INVALID_PARAM (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn profile(
    State(chat): State<App>,
    ClientIp(address): ClientIp,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Map<String, Value>>> {
    Ok(Json(chat::profile::get(&chat, &user_id, &address).await?))
}

/// One field of a user's profile. Client-Server API, "Profiles".
///
/// M_NOT_FOUND (404). M_INVALID_PARAM, M_KEY_TOO_LARGE (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn field(
    State(chat): State<App>,
    ClientIp(address): ClientIp,
    Path((user_id, key)): Path<(String, String)>,
) -> ApiResult<Json<Map<String, Value>>> {
    let value = chat::profile::get_field(&chat, &user_id, &key, &address).await?;
    Ok(Json(Map::from_iter([(key, value)])))
}
