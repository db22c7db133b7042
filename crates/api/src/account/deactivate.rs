//! `POST /_matrix/client/v3/account/deactivate`

use axum::extract::State;
use chat::accounts::Deactivation;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// Closes the caller's account. Client-Server API, "Account deactivation".
///
/// 401 with what is left to show (user-interactive authentication). M_BAD_JSON (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn deactivate(
    State(chat): State<App>,
    Auth(session): Auth,
    Json(body): Json<Deactivation>,
) -> ApiResult<Json<Value>> {
    chat::accounts::deactivate(&chat, &session, body).await?;
    // There are no identifiers on identity servers that could stay bound.
    Ok(Json(json!({ "id_server_unbind_result": "success" })))
}
