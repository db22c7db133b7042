//! `POST /_matrix/client/v3/rooms/{roomId}/{invite,kick,ban,unban}`: the four take the same body.

use axum::extract::State;
use chat::rooms::membership;
use ruma::OwnedUserId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

#[derive(Deserialize)]
pub(crate) struct Body {
    user_id: OwnedUserId,
    reason: Option<String>,
}

/// Invites somebody. Client-Server API, "Room membership". M_FORBIDDEN; M_NOT_FOUND if there is no such user.
pub(crate) async fn invite(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    membership::invite(&chat, &session, &room_id, &body.user_id, body.reason).await?;
    Ok(Json(json!({})))
}

/// Removes somebody, or takes an invitation back. M_FORBIDDEN.
pub(crate) async fn kick(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    membership::kick(&chat, &session, &room_id, &body.user_id, body.reason).await?;
    Ok(Json(json!({})))
}

/// Removes somebody and keeps them out. M_FORBIDDEN.
pub(crate) async fn ban(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    membership::ban(&chat, &session, &room_id, &body.user_id, body.reason).await?;
    Ok(Json(json!({})))
}

/// Lifts a ban. M_FORBIDDEN.
pub(crate) async fn unban(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    chat.rate_limits.check_message(&session.user_id)?;
    membership::unban(&chat, &session, &room_id, &body.user_id, body.reason).await?;
    Ok(Json(json!({})))
}
