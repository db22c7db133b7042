//! Finding people.

mod search;

use axum::{Router, routing::post};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/_matrix/client/v3/user_directory/search", post(search::search))
}
