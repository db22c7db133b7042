//! `GET /_matrix/client/v1/media/config`, and `GET /_matrix/media/v3/config` of old

use axum::extract::State;
use serde_json::{Value, json};

use crate::extract::{App, Auth, Json};

/// `{"m.upload.size"}`: the largest upload, bytes. Client-Server API, "Content repository".
pub(super) async fn config(State(chat): State<App>, _: Auth) -> Json<Value> {
    Json(json!({ "m.upload.size": chat.config.limits.upload_bytes }))
}
