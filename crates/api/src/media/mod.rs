//! Files: uploads, downloads, thumbnails.

mod announce;
mod config;
mod download;
mod headers;
mod range;
mod thumbnail;
mod upload;
mod upload_announced;

use axum::{
    Router,
    routing::{any, get, post, put},
};

use crate::{error::ApiError, extract::App};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/media/v3/upload", post(upload::upload))
        .route("/_matrix/media/v1/create", post(announce::announce))
        .route("/_matrix/media/v3/upload/{server_name}/{media_id}", put(upload_announced::upload_announced))
        .route("/_matrix/client/v1/media/config", get(config::config))
        .route("/_matrix/media/v3/config", get(config::config))
        .route("/_matrix/client/v1/media/download/{server_name}/{media_id}", get(download::download))
        .route("/_matrix/client/v1/media/download/{server_name}/{media_id}/{filename}", get(download::download_as))
        .route("/_matrix/client/v1/media/thumbnail/{server_name}/{media_id}", get(thumbnail::thumbnail))
        .route("/_matrix/media/v3/download/{*rest}", any(without_authentication))
        .route("/_matrix/media/v3/thumbnail/{*rest}", any(without_authentication))
}

/// Files are not given out without authentication: these endpoints are frozen, and no file here is older than that
/// (Client-Server API, "Content repository", client behaviour).
async fn without_authentication() -> ApiError {
    ApiError::not_found("Files are downloaded from /_matrix/client/v1/media, with an access token.")
}

/// What a client says about an upload: its name in the query, type and size in the headers.
fn described(filename: Option<String>, headers: &axum::http::HeaderMap) -> chat::media::Upload {
    let header = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    chat::media::Upload {
        content_type: header(axum::http::header::CONTENT_TYPE),
        filename,
        size: header(axum::http::header::CONTENT_LENGTH).and_then(|size| size.parse().ok()),
    }
}

/// The query of an upload.
#[derive(serde::Deserialize)]
struct Named {
    filename: Option<String>,
}
