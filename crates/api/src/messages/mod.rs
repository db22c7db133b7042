//! What is said in rooms: sending and reading events and state, and how far one has read.

mod context;
mod event;
mod history;
mod receipts;
mod redact;
mod send;
mod state;
mod typing;

use axum::{
    Router,
    routing::{get, post, put},
};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/rooms/{room}/send/{type}/{txn}", put(send::send))
        .route("/_matrix/client/v3/rooms/{room}/redact/{event}/{txn}", put(redact::redact))
        .route("/_matrix/client/v3/rooms/{room}/messages", get(history::messages))
        .route("/_matrix/client/v3/rooms/{room}/event/{event}", get(event::event))
        .route("/_matrix/client/v3/rooms/{room}/context/{event}", get(context::context))
        .route("/_matrix/client/v3/rooms/{room}/state", get(state::all))
        .route("/_matrix/client/v3/rooms/{room}/state/{type}", get(state::get_default).put(state::put_default))
        .route("/_matrix/client/v3/rooms/{room}/state/{type}/", get(state::get_default).put(state::put_default))
        .route("/_matrix/client/v3/rooms/{room}/state/{type}/{key}", get(state::get).put(state::put))
        .route("/_matrix/client/v3/rooms/{room}/typing/{user}", put(typing::typing))
        .route("/_matrix/client/v3/rooms/{room}/receipt/{kind}/{event}", post(receipts::receipt))
        .route("/_matrix/client/v3/rooms/{room}/read_markers", post(receipts::read_markers))
}
