//! `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`

use axum::{body::Body, extract::State, http::HeaderMap};
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path, Query},
};

/// Keeps the body as the content of a file that was announced; returns `{}`. Client-Server API, "Content repository".
///
/// As `POST /upload`; M_NOT_FOUND for one that was not announced or has expired, M_FORBIDDEN for another user's,
/// M_CANNOT_OVERWRITE_MEDIA (409) for one that has content.
pub(super) async fn upload_announced(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((server_name, media_id)): Path<(String, String)>,
    Query(query): Query<super::Named>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Value>> {
    let described = super::described(query.filename, &headers);
    let file = (server_name.as_str(), media_id.as_str());
    chat::media::upload_announced(&chat, &session.user_id, file, described, body.into_data_stream()).await?;
    Ok(Json(json!({})))
}
