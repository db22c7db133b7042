//! `GET /_matrix/client/v3/pushrules/` and `GET /_matrix/client/v3/pushrules/global/`

use axum::extract::State;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// `{"global": …}`. Client-Server API, "Push rules".
pub(super) async fn all(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Value>> {
    Ok(Json(json!({ "global": chat::push_rules::all(&chat, &session.user_id).await? })))
}

/// A list of rules for each kind.
pub(super) async fn global(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Value>> {
    Ok(Json(chat::push_rules::all(&chat, &session.user_id).await?))
}
