//! What a user wants to be notified of.

mod actions;
mod all;
mod enabled;
mod rule;

use axum::{Router, routing::get};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/pushrules/", get(all::all))
        .route("/_matrix/client/v3/pushrules/global/", get(all::global))
        .route(
            "/_matrix/client/v3/pushrules/global/{kind}/{rule_id}",
            get(rule::get).put(rule::put).delete(rule::delete),
        )
        .route("/_matrix/client/v3/pushrules/global/{kind}/{rule_id}/enabled", get(enabled::get).put(enabled::put))
        .route("/_matrix/client/v3/pushrules/global/{kind}/{rule_id}/actions", get(actions::get).put(actions::put))
}
