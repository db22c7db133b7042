//! `POST /_matrix/client/v3/user_directory/search`

use axum::extract::State;
use chat::FoundRow;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Json},
};

/// Results when the client does not say how many.
const DEFAULT_LIMIT: i64 = 10;

#[derive(Deserialize)]
pub(crate) struct Body {
    search_term: Option<String>,
    limit: Option<i64>,
}

/// People by their name or id. Client-Server API, "User directory".
///
/// M_MISSING_PARAM, M_INVALID_PARAM, M_BAD_JSON (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn search(
    State(chat): State<App>,
    Auth(session): Auth,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    let term = body.search_term.ok_or_else(|| ApiError::missing("The search term is missing."))?;
    let limit = body.limit.unwrap_or(DEFAULT_LIMIT);
    if limit < 0 {
        return Err(ApiError::invalid("The limit is negative."));
    }
    let found = chat::user_directory::search(&chat, &session.user_id, &term, limit).await?;
    let results: Vec<Value> = found.people.into_iter().map(user).collect();
    Ok(Json(json!({ "results": results, "limited": found.limited })))
}

fn user(row: FoundRow) -> Value {
    let mut user = json!({ "user_id": row.user_id });
    if let Some(name) = row.displayname {
        user["display_name"] = name.into();
    }
    if let Some(url) = row.avatar_url {
        user["avatar_url"] = url.into();
    }
    user
}
