//! `DELETE /_matrix/client/v3/profile/{userId}/{keyName}`

use axum::extract::State;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// Removes a field of the caller's profile; one that is not there counts as removed. Client-Server API, "Profiles".
///
/// M_FORBIDDEN (403): somebody else's. M_INVALID_PARAM, M_KEY_TOO_LARGE (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn delete_field(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, key)): Path<(String, String)>,
) -> ApiResult<Json<Value>> {
    chat::profile::set_field(&chat, &session, &user_id, &key, None).await?;
    Ok(Json(json!({})))
}
