//! `POST /_matrix/client/v3/logout` and `POST /_matrix/client/v3/logout/all`

use axum::extract::State;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// Ends the access token and removes its device. Client-Server API, "POST /logout".
pub(crate) async fn logout(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Value>> {
    chat::devices::logout(&chat, &session).await?;
    Ok(Json(json!({})))
}

/// Ends all of the user's access tokens and removes all devices. Client-Server API, "POST /logout/all".
pub(crate) async fn logout_all(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Value>> {
    chat::devices::logout_all(&chat, &session).await?;
    Ok(Json(json!({})))
}
