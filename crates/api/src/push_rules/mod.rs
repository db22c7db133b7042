//! What a user wants to be notified of.

mod all;
mod part;
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
        .route(
            "/_matrix/client/v3/pushrules/global/{kind}/{rule_id}/enabled",
            get(|chat, auth, path| part::get("enabled", chat, auth, path)).put(part::put_enabled),
        )
        .route(
            "/_matrix/client/v3/pushrules/global/{kind}/{rule_id}/actions",
            get(|chat, auth, path| part::get("actions", chat, auth, path)).put(part::put_actions),
        )
}
