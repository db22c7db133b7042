//! `GET /_chatbook/client/v1/cluster`

use axum::extract::State;
use chat::cluster::report::{Status, status};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json},
};

/// The nodes that serve the store, with version, address, open streams, how far each is behind, and whether it hears the
/// others; and epoch and newest position of each shard. An extension.
///
/// M_FORBIDDEN (403): not an administrator.
pub(crate) async fn show(State(chat): State<App>, Auth(session): Auth) -> ApiResult<Json<Status>> {
    Ok(Json(status(&chat, &session).await?))
}
