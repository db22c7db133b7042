//! Accounts: who am I, passwords, deactivation.

mod whoami;

use axum::{Router, routing::get};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/_matrix/client/v3/account/whoami", get(whoami::whoami))
}
