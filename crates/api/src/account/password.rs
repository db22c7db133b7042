//! `POST /_matrix/client/v3/account/password`

use axum::extract::State;
use chat::accounts::PasswordChange;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// Sets the caller's password. Client-Server API, "POST /account/password".
///
/// 401 with what is left to show (user-interactive authentication). M_WEAK_PASSWORD, M_MISSING_PARAM, M_INVALID_PARAM,
/// M_BAD_JSON (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn change(
    State(chat): State<App>,
    Auth(session): Auth,
    Json(body): Json<PasswordChange>,
) -> ApiResult<Json<Value>> {
    chat::accounts::change_password(&chat, &session, body).await?;
    Ok(Json(json!({})))
}
