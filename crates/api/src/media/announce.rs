//! `POST /_matrix/media/v1/create`

use axum::extract::State;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// Announces a file that is uploaded later; returns `{content_uri, unused_expires_at}`. Client-Server API, "Content
/// repository".
///
/// M_LIMIT_EXCEEDED if the user has announced too many.
pub(super) async fn announce(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Value>> {
    let announced = chat::media::announce(&chat, &session.user_id).await?;
    Ok(Json(json!({ "content_uri": announced.uri, "unused_expires_at": announced.expires_ts })))
}
