//! `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat::media::{Method, Size};
use serde::Deserialize;

use super::headers;
use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Path, Query},
};

/// Nobody's screen is larger.
const MAX_SIDE: u32 = 16_384;

/// The query of a thumbnail. `animated` is read and not followed, as the specification allows.
#[derive(Deserialize)]
pub(super) struct Wanted {
    width: Option<u32>,
    height: Option<u32>,
    method: Option<String>,
    #[serde(rename = "animated")]
    _animated: Option<bool>,
    timeout_ms: Option<u64>,
}

/// A small picture of a picture, at least as large as wanted if there are such. Client-Server API, "Thumbnails".
///
/// M_MISSING_PARAM, M_INVALID_PARAM, M_NOT_FOUND, M_NOT_YET_UPLOADED (504), M_TOO_LARGE, and M_UNKNOWN (400) if none
/// can be made of this file: clients show the file itself or an icon then.
pub(super) async fn thumbnail(
    State(chat): State<App>,
    _: Auth,
    Path((server_name, media_id)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    request: HeaderMap,
) -> ApiResult<Response> {
    let size = size(&wanted)?;
    let found = chat::media::find(&chat, &server_name, &media_id, wanted.timeout_ms).await?;
    let etag = headers::etag(&format!("{media_id}-{}", size.name()));
    if headers::is_known(&request, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers::caching(&etag)).into_response());
    }
    let (bytes, content_type) = chat::media::thumbnail(&chat, &found, size).await?;
    let filename = if content_type == "image/png" { "thumbnail.png" } else { "thumbnail.jpg" };
    let about = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, headers::disposition(content_type, Some(filename))),
    ];
    Ok((about, headers::caching(&etag), headers::SAFETY, bytes).into_response())
}

fn size(wanted: &Wanted) -> ApiResult<Size> {
    let side = |name: &str, side: Option<u32>| match side {
        None => Err(ApiError::missing(format!("The thumbnail's {name} is missing."))),
        Some(side) if (1..=MAX_SIDE).contains(&side) => Ok(side),
        Some(_) => Err(ApiError::invalid(format!("The thumbnail's {name} has to be from 1 to {MAX_SIDE}."))),
    };
    let method = match wanted.method.as_deref() {
        None | Some("scale") => Method::Scale,
        Some("crop") => Method::Crop,
        Some(_) => return Err(ApiError::invalid("The method is either crop or scale.")),
    };
    Ok(Size::at_least(side("width", wanted.width)?, side("height", wanted.height)?, method))
}
