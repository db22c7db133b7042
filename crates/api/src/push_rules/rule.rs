//! `GET`, `PUT` and `DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`

use axum::extract::State;
use chat::push_rules::{NewRule, Position, RuleName};
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path, Query},
};

/// The rule. Client-Server API, "Push rules".
///
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND.
pub(super) async fn get(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(name): Path<RuleName>,
) -> ApiResult<Json<Value>> {
    Ok(Json(chat::push_rules::get(&chat, &session.user_id, &name).await?))
}

/// Adds or replaces a rule; returns `{}`.
///
/// M_INVALID_PARAM, M_MISSING_PARAM, M_BAD_JSON, and M_UNKNOWN (400) for a place beside a rule that is not there.
pub(super) async fn put(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(name): Path<RuleName>,
    Query(position): Query<Position>,
    Json(rule): Json<NewRule>,
) -> ApiResult<Json<Value>> {
    chat::push_rules::put(&chat, &session.user_id, name, rule, &position).await?;
    Ok(Json(json!({})))
}

/// Removes a rule of the user's; returns `{}`.
///
/// M_INVALID_PARAM for an unknown kind or a default rule, M_NOT_FOUND.
pub(super) async fn delete(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(name): Path<RuleName>,
) -> ApiResult<Json<Value>> {
    chat::push_rules::delete(&chat, &session.user_id, &name).await?;
    Ok(Json(json!({})))
}
