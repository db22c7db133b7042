//! Accounts: who am I, what may I do, passwords, deactivation.

mod capabilities;
mod deactivate;
mod password;
mod threepids;
mod whoami;

use axum::{
    Router,
    routing::{get, post},
};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/account/3pid", get(threepids::threepids))
        .route("/_matrix/client/v3/account/deactivate", post(deactivate::deactivate))
        .route("/_matrix/client/v3/account/password", post(password::change))
        .route("/_matrix/client/v3/account/whoami", get(whoami::whoami))
        .route("/_matrix/client/v3/capabilities", get(capabilities::capabilities))
}
