//! Registering, signing in, refreshing tokens, signing out.

mod logout;
mod password;
mod refresh;
mod register;
mod token_validity;

use axum::{
    Router,
    routing::{get, post},
};
use chat::{accounts::SignedIn, sessions::Tokens};
use serde_json::{Map, Value};

use crate::extract::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/login", get(password::flows).post(password::login))
        .route("/_matrix/client/v3/logout", post(logout::logout))
        .route("/_matrix/client/v3/logout/all", post(logout::logout_all))
        .route("/_matrix/client/v3/refresh", post(refresh::refresh))
        .route("/_matrix/client/v3/register", post(register::register))
        .route("/_matrix/client/v3/register/available", get(register::available))
        .route("/_matrix/client/v1/register/m.login.registration_token/validity", get(token_validity::validity))
}

/// Who is signed in, with the tokens.
fn signed_in(signed_in: SignedIn) -> Map<String, Value> {
    let mut body = tokens(signed_in.tokens);
    body.insert("user_id".into(), signed_in.user_id.to_string().into());
    body.insert("device_id".into(), signed_in.device_id.into());
    body.insert("home_server".into(), signed_in.user_id.server_name().as_str().into());
    body
}

fn tokens(tokens: Tokens) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("access_token".into(), tokens.access_token.into());
    if let Some(refresh_token) = tokens.refresh_token {
        body.insert("refresh_token".into(), refresh_token.into());
    }
    if let Some(expires_in_ms) = tokens.expires_in_ms {
        body.insert("expires_in_ms".into(), expires_in_ms.into());
    }
    body
}
