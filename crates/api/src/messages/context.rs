//! `GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::{filters::RoomEventFilter, rooms::read};
use serde::{Deserialize, Serialize};

use crate::{
    error::ApiResult,
    event::{ClientEvent, Viewer},
    extract::{App, Auth, Json, Path, Query},
};

#[derive(Deserialize)]
pub(crate) struct Parameters {
    limit: Option<usize>,
    filter: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    event: ClientEvent<'a>,
    events_before: Vec<ClientEvent<'a>>,
    events_after: Vec<ClientEvent<'a>>,
    start: &'a str,
    end: &'a str,
    state: Vec<ClientEvent<'a>>,
}

/// An event with what stands around it. Client-Server API, "Event Context". M_NOT_FOUND, M_INVALID_PARAM.
pub(crate) async fn context(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, event_id)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> ApiResult<Response> {
    let filter = parameters.filter.as_deref().map(RoomEventFilter::parse).transpose()?.unwrap_or_default();
    let limit = parameters.limit.unwrap_or(10);
    let context = read::context(&chat, &session, &room_id, &event_id, limit, &filter).await?;
    let viewer = Viewer::new(&session);
    let body = Body {
        event: ClientEvent { event: &context.event, viewer },
        events_before: viewer.all(&context.before),
        events_after: viewer.all(&context.after),
        start: &context.start,
        end: &context.end,
        state: viewer.all(&context.state),
    };
    Ok(Json(body).into_response())
}
