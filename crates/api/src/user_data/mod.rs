//! What belongs to a user: account data, tags, presence, messages to devices.

mod account_data;
mod presence;
mod tags;
mod to_device;

use axum::{
    Router,
    routing::{get, put},
};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/user/{user}/account_data/{type}", get(account_data::get).put(account_data::put))
        .route(
            "/_matrix/client/v3/user/{user}/rooms/{room}/account_data/{type}",
            get(account_data::get_room).put(account_data::put_room),
        )
        .route("/_matrix/client/v3/user/{user}/rooms/{room}/tags", get(tags::get))
        .route("/_matrix/client/v3/user/{user}/rooms/{room}/tags/{tag}", put(tags::put).delete(tags::delete))
        .route("/_matrix/client/v3/presence/{user}/status", get(presence::get).put(presence::put))
        .route("/_matrix/client/v3/sendToDevice/{type}/{txn}", put(to_device::send))
}
