//! `GET` and `POST /_chatbook/client/v1/registration_tokens`, `DELETE …/registration_tokens/{token}`
//!
//! An extension: Matrix defines how one registers with a token, not how a token is made. One file, since the three share
//! their shape.

use axum::extract::State;
use chat::{RegistrationTokenRow, registration_tokens::NewToken};
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// Makes a token: `token` (random if not given), `uses_allowed` (any number), `expires_ts` (never). Returns it.
///
/// M_FORBIDDEN (403): not an administrator. M_INVALID_PARAM, M_BAD_JSON (400).
pub(crate) async fn create(
    State(chat): State<App>,
    Auth(session): Auth,
    Json(body): Json<NewToken>,
) -> ApiResult<Json<Value>> {
    Ok(Json(token(chat::registration_tokens::create(&chat, &session, body).await?)))
}

/// All tokens, the newest first: `{"registration_tokens": […]}`.
///
/// M_FORBIDDEN (403): not an administrator.
pub(crate) async fn list(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Value>> {
    let tokens = chat::registration_tokens::list(&chat, &session).await?;
    let tokens: Vec<Value> = tokens.into_iter().map(token).collect();
    Ok(Json(json!({ "registration_tokens": tokens })))
}

/// Ends a token.
///
/// M_FORBIDDEN (403): not an administrator. M_NOT_FOUND (404).
pub(crate) async fn remove(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(token): Path<String>,
) -> ApiResult<Json<Value>> {
    chat::registration_tokens::delete(&chat, &session, &token).await?;
    Ok(Json(json!({})))
}

fn token(row: RegistrationTokenRow) -> Value {
    json!({
        "token": row.token,
        "uses_allowed": row.uses_allowed,
        "used": row.used,
        "expires_ts": row.expires_ts,
        "created_ts": row.created_ts,
    })
}
