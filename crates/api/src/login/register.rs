//! `POST /_matrix/client/v3/register` and `GET /_matrix/client/v3/register/available`

use axum::extract::State;
use chat::accounts::Registration;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, ClientIp, Json, Query},
};

#[derive(Deserialize)]
pub(crate) struct Kind {
    kind: Option<String>,
}

/// Makes an account and returns its user id, and tokens unless `inhibit_login`. Client-Server API, "POST /register".
///
/// 401 with what is left to show (user-interactive authentication). M_FORBIDDEN (403): guests, or registration is
/// closed. M_USER_IN_USE, M_INVALID_USERNAME, M_WEAK_PASSWORD, M_MISSING_PARAM, M_INVALID_PARAM, M_BAD_JSON (400).
/// M_LIMIT_EXCEEDED (429).
pub(crate) async fn register(
    State(chat): State<App>,
    ClientIp(address): ClientIp,
    Query(Kind { kind }): Query<Kind>,
    Json(body): Json<Registration>,
) -> ApiResult<Json<Map<String, Value>>> {
    match kind.as_deref() {
        None | Some("user") => {}
        Some("guest") => return Err(ApiError::forbidden("There are no guest accounts on this server.")),
        Some(_) => return Err(ApiError::invalid("The kind of account is `user`.")),
    }
    let (user_id, signed_in) = chat::accounts::register(&chat, body, &address).await?;
    let mut answer = signed_in.map(super::signed_in).unwrap_or_default();
    answer.insert("user_id".into(), user_id.to_string().into());
    Ok(Json(answer))
}

#[derive(Deserialize)]
pub(crate) struct Name {
    username: Option<String>,
}

/// Whether a user name is free. Client-Server API, "GET /register/available".
///
/// M_USER_IN_USE, M_INVALID_USERNAME, M_MISSING_PARAM (400). M_FORBIDDEN (403): registration is closed.
pub(crate) async fn available(
    State(chat): State<App>,
    ClientIp(address): ClientIp,
    Query(Name { username }): Query<Name>,
) -> ApiResult<Json<Value>> {
    let username = username.ok_or_else(|| ApiError::missing("The user name is missing."))?;
    chat::accounts::available(&chat, &username, &address).await?;
    Ok(Json(json!({ "available": true })))
}
