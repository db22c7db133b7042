//! `DELETE /_matrix/client/v3/devices/{deviceId}` and `POST /_matrix/client/v3/delete_devices`

use axum::extract::State;
use chat::uia::AuthData;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Json, Path},
};

#[derive(Deserialize)]
pub(crate) struct One {
    auth: Option<AuthData>,
}

/// Removes a device of the caller and ends its tokens. Client-Server API, "Device management".
///
/// 401 with what is left to show (user-interactive authentication). M_BAD_JSON (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn delete(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(device_id): Path<String>,
    Json(body): Json<One>,
) -> ApiResult<Json<Value>> {
    chat::devices::delete(&chat, &session, &[device_id], body.auth).await?;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
pub(crate) struct Many {
    auth: Option<AuthData>,
    devices: Option<Vec<String>>,
}

/// Removes devices of the caller and ends their tokens. Client-Server API, "Device management".
///
/// 401 with what is left to show (user-interactive authentication). M_MISSING_PARAM, M_BAD_JSON (400).
/// M_LIMIT_EXCEEDED (429).
pub(crate) async fn delete_devices(
    State(chat): State<App>,
    Auth(session): Auth,
    Json(body): Json<Many>,
) -> ApiResult<Json<Value>> {
    let devices = body.devices.ok_or_else(|| ApiError::missing("The devices are missing."))?;
    chat::devices::delete(&chat, &session, &devices, body.auth).await?;
    Ok(Json(json!({})))
}
