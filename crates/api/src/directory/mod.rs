//! Room addresses and the public room list.

mod alias;
mod listing;
mod public_rooms;

use axum::{Router, routing::get};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/directory/room/{alias}", get(alias::get).put(alias::put).delete(alias::delete))
        .route("/_matrix/client/v3/directory/list/room/{room}", get(listing::get).put(listing::put))
        .route("/_matrix/client/v3/publicRooms", get(public_rooms::get).post(public_rooms::post))
}
