//! `GET /_matrix/client/v3/rooms/{roomId}/members` and `…/joined_members`

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::{Event, rooms::read};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    error::ApiResult,
    event::Viewer,
    extract::{App, Auth, Json, Path, Query},
};

#[derive(Deserialize)]
pub(crate) struct Parameters {
    at: Option<String>,
    membership: Option<String>,
    not_membership: Option<String>,
}

#[derive(Serialize)]
struct Chunk<T> {
    chunk: T,
}

/// The room's member events, with or without certain memberships, now or at a token. Client-Server API, "Room membership".
///
/// M_FORBIDDEN, M_INVALID_PARAM.
pub(crate) async fn members(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Query(parameters): Query<Parameters>,
) -> ApiResult<Response> {
    let Parameters { at, membership, not_membership } = parameters;
    // Both given: an event has to satisfy either, as the specification has it.
    let keep = |actual: &str| match (&membership, &not_membership) {
        (None, None) => true,
        (Some(only), None) => actual == only,
        (None, Some(not)) => actual != not,
        (Some(only), Some(not)) => actual == only || actual != not,
    };
    let events = read::members(&chat, &session, &room_id, at.as_deref(), keep).await?;
    Ok(Json(Chunk { chunk: Viewer::new(&session).all(&events) }).into_response())
}

/// The joined members' names and avatars, by user. M_FORBIDDEN for who is not in the room.
pub(crate) async fn joined(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
) -> ApiResult<Json<Value>> {
    let events = read::joined_members(&chat, &session, &room_id).await?;
    let joined: BTreeMap<_, _> =
        events.iter().filter_map(|event| Some((event.state_key.clone()?, names(event)))).collect();
    Ok(Json(json!({ "joined": joined })))
}

fn names(event: &Event) -> Value {
    #[derive(Deserialize)]
    struct Outer {
        content: Map<String, Value>,
    }
    let content = serde_json::from_str::<Outer>(event.json.get()).map(|outer| outer.content).unwrap_or_default();
    json!({ "display_name": content.get("displayname"), "avatar_url": content.get("avatar_url") })
}
