//! `GET /_matrix/client/v3/rooms/{roomId}/messages`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::{
    filters::RoomEventFilter,
    rooms::read::{self, Direction, HistoryRequest},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::ApiResult,
    event::{ClientEvent, Viewer},
    extract::{App, Auth, Json, Path, Query},
};

#[derive(Deserialize)]
pub(crate) struct Parameters {
    dir: Dir,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
    filter: Option<String>,
}

#[derive(Deserialize)]
enum Dir {
    #[serde(rename = "b")]
    Backward,
    #[serde(rename = "f")]
    Forward,
}

#[derive(Serialize)]
struct Body<'a> {
    chunk: Vec<ClientEvent<'a>>,
    start: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    state: Vec<ClientEvent<'a>>,
}

/// A page of the room's history. Client-Server API, "Syncing", "Getting events for a room".
///
/// M_FORBIDDEN, M_INVALID_PARAM.
pub(crate) async fn messages(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Query(parameters): Query<Parameters>,
) -> ApiResult<Response> {
    let filter = parameters.filter.as_deref().map(RoomEventFilter::parse).transpose()?.unwrap_or_default();
    let direction = match parameters.dir {
        Dir::Backward => Direction::Backward,
        Dir::Forward => Direction::Forward,
    };
    let limit = parameters.limit.unwrap_or_else(|| filter.event.limit(10, usize::MAX));
    let (from, to) = (parameters.from.as_deref(), parameters.to.as_deref());
    let request = HistoryRequest { direction, from, to, limit, filter: &filter };
    let page = read::history(&chat, &session, &room_id, &request).await?;
    let viewer = Viewer::new(&session);
    let body = Body {
        chunk: viewer.all(&page.events),
        start: &page.start,
        end: page.end.as_deref(),
        state: viewer.all(&page.members),
    };
    Ok(Json(body).into_response())
}
