//! Profiles: display name, avatar, and fields of one's own.

mod delete_field;
mod get;
mod set_field;

use axum::{Router, routing::get};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/_matrix/client/v3/profile/{user_id}", get(get::profile)).route(
        "/_matrix/client/v3/profile/{user_id}/{key}",
        get(get::field).put(set_field::set_field).delete(delete_field::delete_field),
    )
}
