//! `GET /_matrix/client/v3/rooms/{roomId}/state` and `GET`/`PUT …/state/{eventType}/{stateKey}`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::{
    rooms::{read, send},
    sessions::Session,
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    error::{ApiError, ApiResult},
    event::{ClientEvent, Viewer},
    extract::{App, Auth, Json, Path, Query},
};

#[derive(Deserialize, Default)]
pub(crate) struct Parameters {
    /// `event` for the whole event, `content` (the default) for its content.
    #[serde(default)]
    format: Option<String>,
}

/// All of the room's state. Client-Server API, "Getting events for a room". M_FORBIDDEN.
pub(crate) async fn all(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
) -> ApiResult<Response> {
    let events = read::state(&chat, &session, &room_id).await?;
    Ok(Json(Viewer::new(&session).all(&events)).into_response())
}

/// One piece of state. M_FORBIDDEN, M_NOT_FOUND.
pub(crate) async fn get(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, kind, key)): Path<(String, String, String)>,
    Query(parameters): Query<Parameters>,
) -> ApiResult<Response> {
    read_one(&chat, &session, (&room_id, &kind, &key), &parameters).await
}

/// The same under the empty state key.
pub(crate) async fn get_default(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, kind)): Path<(String, String)>,
    Query(parameters): Query<Parameters>,
) -> ApiResult<Response> {
    read_one(&chat, &session, (&room_id, &kind, ""), &parameters).await
}

async fn read_one(
    chat: &App,
    session: &Session,
    (room_id, kind, key): (&str, &str, &str),
    parameters: &Parameters,
) -> ApiResult<Response> {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        content: &'a RawValue,
    }
    let event = read::state_event(chat, session, room_id, kind, key).await?;
    if parameters.format.as_deref() == Some("event") {
        return Ok(Json(ClientEvent { event: &event, viewer: Viewer::new(session) }).into_response());
    }
    let outer: Outer<'_> = serde_json::from_str(event.json.get()).map_err(|e| ApiError::internal(&e))?;
    Ok(Json(outer.content).into_response())
}

/// Sets a piece of state; answers `{"event_id"}`. Client-Server API, "Sending events to a room".
///
/// M_FORBIDDEN, M_BAD_JSON, M_BAD_ALIAS, M_TOO_LARGE.
pub(crate) async fn put(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, kind, key)): Path<(String, String, String)>,
    Json(content): Json<Box<RawValue>>,
) -> ApiResult<Json<Value>> {
    let event_id = send::state(&chat, &session, &room_id, &kind, &key, content).await?;
    Ok(Json(json!({ "event_id": event_id })))
}

/// The same under the empty state key.
pub(crate) async fn put_default(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((room_id, kind)): Path<(String, String)>,
    Json(content): Json<Box<RawValue>>,
) -> ApiResult<Json<Value>> {
    let event_id = send::state(&chat, &session, &room_id, &kind, "", content).await?;
    Ok(Json(json!({ "event_id": event_id })))
}
