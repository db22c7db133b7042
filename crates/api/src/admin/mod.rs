//! What administrators of the server do.

mod cluster;
mod registration_tokens;

use axum::{
    Router,
    routing::{delete, get},
};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_chatbook/client/v1/cluster", get(cluster::show))
        .route(
            "/_chatbook/client/v1/registration_tokens",
            get(registration_tokens::list).post(registration_tokens::create),
        )
        .route("/_chatbook/client/v1/registration_tokens/{token}", delete(registration_tokens::remove))
}
