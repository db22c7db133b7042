//! `POST /_matrix/media/v3/upload`

use axum::{body::Body, extract::State, http::HeaderMap};
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Query},
};

/// Keeps the body as a file; returns `{content_uri}`. Client-Server API, "Content repository".
///
/// M_TOO_LARGE, M_INVALID_PARAM for its name or type, M_FORBIDDEN past the user's quota, M_LIMIT_EXCEEDED,
/// ORG.CHATBOOK.STORAGE_FULL.
pub(super) async fn upload(
    State(chat): State<App>,
    Auth(session): Auth,
    Query(query): Query<super::Named>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Value>> {
    let described = super::described(query.filename, &headers);
    let uri = chat::media::upload(&chat, &session.user_id, described, body.into_data_stream()).await?;
    Ok(Json(json!({ "content_uri": uri })))
}
