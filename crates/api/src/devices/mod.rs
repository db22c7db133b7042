//! The devices that the user is signed in on.

mod delete;
mod get;
mod list;
mod rename;

use axum::{
    Router,
    routing::{get, post},
};
use chat::DeviceRow;
use serde_json::{Value, json};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/devices", get(list::list))
        .route("/_matrix/client/v3/devices/{device_id}", get(get::get).put(rename::rename).delete(delete::delete))
        .route("/_matrix/client/v3/delete_devices", post(delete::delete_devices))
}

/// A device as the specification writes it.
fn client_device(row: DeviceRow) -> Value {
    let mut device = json!({
        "device_id": row.device_id,
        "last_seen_ts": row.last_seen_ts,
        "last_seen_ip": row.last_seen_ip,
    });
    if let Some(name) = row.display_name {
        device["display_name"] = name.into();
    }
    device
}
