//! `POST /_matrix/client/v3/rooms/{roomId}/forget`

use axum::extract::State;
use chat::rooms::membership;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Path},
};

/// Takes a room that one has left off one's lists. Client-Server API, "Leaving rooms".
///
/// M_UNKNOWN (400) while in the room, M_FORBIDDEN if the user had nothing to do with it.
pub(crate) async fn forget(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(room_id): Path<String>,
) -> ApiResult<crate::extract::Json<Value>> {
    membership::forget(&chat, &session, &room_id).await?;
    Ok(crate::extract::Json(json!({})))
}
