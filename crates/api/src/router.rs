//! Every route. Areas keep their own table in their folder's `mod.rs`.

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    account, admin, devices, directory, error::ApiError, extract::App, filter, login, media, messages, profile,
    push_rules, rooms, sync, user_data, user_directory, versions,
};

/// Bodies of everything but uploads, bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// The whole API. Unknown paths under `/_matrix` and `/_chatbook` answer M_UNRECOGNIZED.
pub fn router(chat: App) -> Router {
    Router::new()
        .route("/_matrix/client/versions", get(versions::versions))
        .merge(account::routes())
        .merge(admin::routes())
        .merge(devices::routes())
        .merge(filter::routes())
        .merge(media::routes())
        .merge(push_rules::routes())
        .merge(login::routes())
        .merge(directory::routes())
        .merge(messages::routes())
        .merge(rooms::routes())
        .merge(sync::routes())
        .merge(user_data::routes())
        .merge(profile::routes())
        .merge(user_directory::routes())
        .route("/_matrix/{*rest}", axum::routing::any(unrecognized))
        .route("/_chatbook/{*rest}", axum::routing::any(unrecognized))
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(cors))
        .with_state(chat)
}

async fn unrecognized() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "There is no such endpoint.")
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED", "The endpoint does not take this method.")
}

/// Lets web clients of any origin use the API (Client-Server API, "Web Browser Clients"). Tokens travel in a header
/// that a foreign page does not have, so no origin gains anything it could not do itself.
pub(crate) async fn cors(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight { StatusCode::OK.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    let allow = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "X-Requested-With, Content-Type, Authorization"),
    ];
    for (name, value) in allow {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
