//! `PUT /_matrix/client/v3/devices/{deviceId}`

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

#[derive(Deserialize)]
pub(crate) struct Body {
    display_name: Option<String>,
}

/// Gives a device of the caller another name. Client-Server API, "Device management".
///
/// M_NOT_FOUND (404). M_INVALID_PARAM, M_BAD_JSON (400).
pub(crate) async fn rename(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(device_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat::devices::rename(&chat, &session, &device_id, body.display_name).await?;
    Ok(Json(json!({})))
}
