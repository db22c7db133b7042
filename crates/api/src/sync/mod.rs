//! What is new: long-poll and WebSocket, two translations of the same changes.

mod body;
mod v3;
mod websocket;
mod ws_methods;

use std::sync::Arc;

use axum::{Router, routing::get};
pub(crate) use body::PresenceContent;
use chat::{
    Chat,
    filters::{self, Filter},
    sessions::Session,
    sync::{changes::Request, position::Token},
};

use crate::{
    error::{ApiError, ApiResult},
    extract::App,
};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/v3/sync", get(v3::sync))
        .route("/_matrix/client/unstable/org.chatbook.stream", get(websocket::stream))
}

/// Reads the parameters that both transports share.
async fn request(
    chat: &Chat,
    session: &Arc<Session>,
    since: Option<&str>,
    filter: Option<&str>,
    full_state: bool,
) -> ApiResult<Request> {
    let since = since.filter(|since| !since.is_empty()).map(str::parse::<Token>).transpose();
    let since = since.map_err(|_| ApiError::invalid("`since` is not a token of this server: sync without it."))?;
    let filter = match filter {
        Some(filter) => filters::load(chat, session.user_id.as_str(), filter).await?,
        None => Arc::new(Filter::default()),
    };
    Ok(Request { session: session.clone(), since, filter, full_state })
}
