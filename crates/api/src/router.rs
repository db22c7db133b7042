//! Every route. Areas keep their own table in their folder's `mod.rs`.

use axum::{Router, http::StatusCode, routing::get};

use crate::{
    account, admin, devices, directory, error::ApiError, extract::App, filter, health, login, media, messages, profile,
    push_rules, rooms, sync, user_data, user_directory, versions,
};

/// The whole API. Unknown paths under `/_matrix` and `/_chatbook` answer M_UNRECOGNIZED.
pub fn router(chat: App) -> Router {
    Router::new()
        .route("/_matrix/client/versions", get(versions::versions))
        .route("/_chatbook/live", get(health::live))
        .route("/_chatbook/ready", get(health::ready))
        .merge(account::routes())
        .merge(admin::routes())
        .merge(devices::routes())
        .merge(filter::routes())
        .merge(media::routes())
        .merge(push_rules::routes())
        .merge(login::routes())
        .merge(directory::routes())
        .merge(messages::routes())
        .merge(rooms::routes())
        .merge(sync::routes())
        .merge(user_data::routes())
        .merge(profile::routes())
        .merge(user_directory::routes())
        .route("/_matrix/{*rest}", axum::routing::any(unrecognized))
        .route("/_chatbook/{*rest}", axum::routing::any(unrecognized))
        .method_not_allowed_fallback(wrong_method)
        .with_state(chat)
}

async fn unrecognized() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "There is no such endpoint.")
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED", "The endpoint does not take this method.")
}
