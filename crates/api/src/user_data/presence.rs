//! `GET`, `PUT /_matrix/client/v3/presence/{userId}/status`

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use chat::presence;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
    sync::PresenceContent,
};

/// Somebody's presence. Client-Server API, "Presence". M_NOT_FOUND for nobody, M_FORBIDDEN for
/// people who share no room.
pub(crate) async fn get(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(user_id): Path<String>,
) -> ApiResult<Response> {
    let event = presence::get(&chat, &session, &user_id).await?;
    Ok(Json(PresenceContent::new(&event)).into_response())
}

#[derive(Deserialize)]
pub(crate) struct Body {
    presence: presence::State,
    status_msg: Option<String>,
}

/// Sets the user's own presence. M_FORBIDDEN for another user, M_INVALID_PARAM.
pub(crate) async fn put(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(user_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    session.check_self(&user_id)?;
    presence::set(&chat, &session, body.presence, body.status_msg).await?;
    Ok(Json(json!({})))
}
