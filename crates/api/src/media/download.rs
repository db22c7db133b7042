//! `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}[/{fileName}]`

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat::media::Found;
use serde::Deserialize;

use super::{
    headers,
    range::{self, Requested},
};
use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Path, Query},
};

/// The query of a download.
#[derive(Deserialize)]
pub(super) struct Wait {
    /// How long to wait for a file that is not there yet.
    timeout_ms: Option<u64>,
}

/// The file's bytes, or those of a `Range`. Client-Server API, "Content repository"; ranges: RFC 9110, section 14.
///
/// M_NOT_FOUND, M_NOT_YET_UPLOADED (504), M_INVALID_PARAM for the timeout or (416) a range outside of the file.
pub(super) async fn download(
    State(chat): State<App>,
    _: Auth,
    Path((server_name, media_id)): Path<(String, String)>,
    Query(query): Query<Wait>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let found = chat::media::find(&chat, &server_name, &media_id, query.timeout_ms).await?;
    serve(&chat, &found, &headers).await
}

/// The same under a name of the client's.
pub(super) async fn download_as(
    State(chat): State<App>,
    _: Auth,
    Path((server_name, media_id, filename)): Path<(String, String, String)>,
    Query(query): Query<Wait>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let mut found = chat::media::find(&chat, &server_name, &media_id, query.timeout_ms).await?;
    found.filename = Some(filename);
    serve(&chat, &found, &headers).await
}

async fn serve(chat: &App, found: &Found, request: &HeaderMap) -> ApiResult<Response> {
    let etag = headers::etag(&found.media_id);
    if headers::is_known(request, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers::caching(&etag)).into_response());
    }
    let (status, range) = match range::requested(request, &etag, found.size) {
        Requested::Whole => (StatusCode::OK, 0..found.size),
        Requested::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Requested::Outside => {
            let message = format!("The file has {} bytes.", found.size);
            let refused = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "M_INVALID_PARAM", message);
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{}", found.size))], refused).into_response());
        }
    };
    let length = range.end - range.start;
    let part = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), found.size);
    let body = Body::from_stream(chat::media::read(chat, found, range).await?);
    let disposition = headers::disposition(&found.content_type, found.filename.as_deref());
    let about = [
        (header::CONTENT_TYPE, found.content_type.clone()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
    ];
    let mut response = (status, about, headers::caching(&etag), headers::SAFETY, body).into_response();
    if let (StatusCode::PARTIAL_CONTENT, Ok(part)) = (status, part.parse()) {
        response.headers_mut().insert(header::CONTENT_RANGE, part);
    }
    Ok(response)
}
