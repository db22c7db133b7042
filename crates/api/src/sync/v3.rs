//! `GET /_matrix/client/v3/sync`

use std::{sync::Arc, time::Duration};

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use chat::{presence::State, sync::changes::Follower};
use serde::Deserialize;

use super::{body::body, request};
use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Query},
};

/// The longest that a request waits, milliseconds. Load balancers take a node that is silent for longer for one that hangs.
const MAX_TIMEOUT_MS: u64 = 30_000;

#[derive(Deserialize)]
pub(crate) struct Parameters {
    filter: Option<String>,
    since: Option<String>,
    #[serde(default)]
    full_state: bool,
    #[serde(default = "online")]
    set_presence: State,
    #[serde(default)]
    timeout: u64,
}

fn online() -> State {
    State::Online
}

/// What is new since a token, waiting for it up to `timeout` milliseconds. Client-Server API, "Syncing".
///
/// M_INVALID_PARAM for a token, filter or presence that is none. M_UNKNOWN_TOKEN also if the access token ends meanwhile.
pub(crate) async fn sync(
    axum::extract::State(chat): axum::extract::State<App>,
    Auth(session): Auth,
    Query(parameters): Query<Parameters>,
) -> ApiResult<Response> {
    let Parameters { filter, since, full_state, set_presence, timeout } = parameters;
    let request = request(&chat, &session, since.as_deref(), filter.as_deref(), full_state).await?;
    let waits = timeout > 0 && request.since.is_some() && !full_state;
    let follower = Follower::new(Arc::clone(&chat), &session, !waits).await?;
    if let Some(since) = &request.since {
        follower.acknowledge(&session.device_id, since).await?;
    }
    follower.seen(set_presence);
    let deadline = tokio::time::Instant::now() + Duration::from_millis(timeout.min(MAX_TIMEOUT_MS));
    let mut expired = std::pin::pin!(chat::sessions::expired(&chat, &session));
    let mut shutdown = chat.shutdown.subscribe();
    loop {
        let mut news = std::pin::pin!(follower.news());
        // From here on no news is missed: what comes while the changes are read ends the wait at once.
        news.as_mut().enable();
        let changes = follower.changes(&request).await?;
        follower.stands(&session).await?;
        if !waits || changes.any_news || tokio::time::Instant::now() >= deadline || *shutdown.borrow() {
            follower.tell(&session.device_id, &changes);
            let json = body(&changes, &session, &request.filter).map_err(|e| ApiError::internal(&e))?;
            return Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response());
        }
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = &mut expired => return Err(chat::Error::SoftLogout.into()),
            _ = shutdown.changed() => {}
        }
    }
}
