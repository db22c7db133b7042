//! `GET /_matrix/client/v3/devices`

use axum::extract::State;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// The caller's devices. Client-Server API, "Device management".
pub(crate) async fn list(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Value>> {
    let devices = chat::devices::list(&chat, &session).await?;
    let devices: Vec<Value> = devices.into_iter().map(super::client_device).collect();
    Ok(Json(json!({ "devices": devices })))
}
