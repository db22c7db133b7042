//! `GET /_matrix/client/v3/user/{userId}/filter/{filterId}`

use axum::{extract::State, http::header, response::IntoResponse};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Path},
};

/// The filter as it was uploaded. Client-Server API, "Filtering".
///
/// M_FORBIDDEN for another user's, M_NOT_FOUND for an unknown id.
pub(crate) async fn get(
    State(chat): State<App>,
    Auth(session): Auth,
    Path((user_id, filter_id)): Path<(String, String)>,
) -> ApiResult<impl IntoResponse> {
    super::own(&session.user_id, &user_id)?;
    let json = chat::filters::get(&chat, &user_id, &filter_id).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json))
}
