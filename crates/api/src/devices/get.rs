//! `GET /_matrix/client/v3/devices/{deviceId}`

use axum::extract::State;
use serde_json::Value;

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// One device of the caller. Client-Server API, "Device management".
///
/// M_NOT_FOUND (404)
pub(crate) async fn get(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(device_id): Path<String>,
) -> ApiResult<Json<Value>> {
    Ok(Json(super::client_device(chat::devices::get(&chat, &session, &device_id).await?)))
}
