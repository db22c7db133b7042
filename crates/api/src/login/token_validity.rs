//! `GET /_matrix/client/v1/register/m.login.registration_token/validity`

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, ClientIp, Json, Query},
};

#[derive(Deserialize)]
pub(crate) struct Token {
    token: Option<String>,
}

/// Whether one could register with the token now. Client-Server API, "Token-authenticated registration".
///
/// M_MISSING_PARAM (400). M_FORBIDDEN (403): registration is closed. M_LIMIT_EXCEEDED (429).
pub(crate) async fn validity(
    State(chat): State<App>,
    ClientIp(address): ClientIp,
    Query(Token { token }): Query<Token>,
) -> ApiResult<Json<Value>> {
    let token = token.ok_or_else(|| ApiError::missing("The token is missing."))?;
    let valid = chat::registration_tokens::is_valid(&chat, &token, &address).await?;
    Ok(Json(json!({ "valid": valid })))
}
