//! Sync filters.

mod define;
mod get;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{
    error::{ApiError, ApiResult},
    extract::App,
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/user/{user_id}/filter", post(define::define))
        .route("/_matrix/client/v3/user/{user_id}/filter/{filter_id}", get(get::get))
}

/// M_FORBIDDEN unless the path names the caller.
fn own(caller: &ruma::UserId, user_id: &str) -> ApiResult<()> {
    if caller == user_id { Ok(()) } else { Err(ApiError::forbidden("These are another user's filters.")) }
}
