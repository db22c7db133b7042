//! `PUT /_matrix/client/v3/profile/{userId}/{keyName}`

use axum::extract::State;
use serde_json::{Map, Value, json};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Json, Path},
};

/// Sets a field of the caller's profile. Client-Server API, "Profiles".
///
/// M_FORBIDDEN (403): somebody else's. M_MISSING_PARAM, M_BAD_JSON, M_INVALID_PARAM, M_KEY_TOO_LARGE,
/// M_PROFILE_TOO_LARGE (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn set_field(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, key)): Path<(String, String)>,
    Json(mut body): Json<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    let value = body.remove(&key).ok_or_else(|| ApiError::missing(format!("The value of {key} is missing.")))?;
    chat::profile::set_field(&chat, &session, &user_id, &key, Some(value)).await?;
    Ok(Json(json!({})))
}
