//! `GET /_matrix/client/v3/account/whoami`

use serde_json::{Value, json};

use crate::extract::{Auth, Json};

/// The user and the device that the access token belongs to. Client-Server API, "Current account information".
pub(crate) async fn whoami(Auth(session): Auth) -> Json<Value> {
    Json(json!({ "user_id": session.user_id, "device_id": session.device_id, "is_guest": false }))
}
