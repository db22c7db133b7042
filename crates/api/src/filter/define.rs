//! `POST /_matrix/client/v3/user/{userId}/filter`

use axum::extract::State;
use serde_json::{Map, Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// Keeps a filter; returns `{filter_id}`, the same for the same content. Client-Server API, "Filtering".
///
/// M_FORBIDDEN for another user's filters or too many of them, M_BAD_JSON or M_TOO_LARGE for what is no filter.
pub(crate) async fn define(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(user_id): Path<String>,
    Json(content): Json<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    super::own(&session.user_id, &user_id)?;
    let filter_id = chat::filters::define(&chat, &user_id, content).await?;
    Ok(Json(json!({ "filter_id": filter_id })))
}
