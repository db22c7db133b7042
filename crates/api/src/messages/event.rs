//! `GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::rooms::read;

use crate::{
    error::ApiResult,
    event::{ClientEvent, Viewer},
    extract::{App, Auth, Json, Path},
};

/// One event. Client-Server API, "Getting events for a room". M_NOT_FOUND if there is none that the user may see.
pub(crate) async fn event(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, event_id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let event = read::event(&chat, &session, &room_id, &event_id).await?;
    Ok(Json(ClientEvent { event: &event, viewer: Viewer::new(&session) }).into_response())
}
