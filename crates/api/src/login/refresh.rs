//! `POST /_matrix/client/v3/refresh`

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Json},
};

#[derive(Deserialize)]
pub(crate) struct Body {
    refresh_token: Option<String>,
}

/// New tokens for a refresh token; the old ones end when the new ones are first used. Client-Server API, "POST /refresh".
///
/// M_UNKNOWN_TOKEN (401): not known, or replaced. M_MISSING_PARAM, M_BAD_JSON (400).
pub(crate) async fn refresh(State(chat): State<App>, Json(body): Json<Body>) -> ApiResult<Json<Map<String, Value>>> {
    let token = body.refresh_token.ok_or_else(|| ApiError::missing("The refresh token is missing."))?;
    Ok(Json(super::tokens(chat::sessions::refresh(&chat, &token).await?)))
}
