//! `GET` and `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/{actions,enabled}`: a part of a rule.

use axum::extract::State;
use chat::push_rules::{Action, RuleName};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    error::ApiResult,
    extract::{App, Auth, Json, Path},
};

/// The body: what the rule does.
#[derive(Deserialize)]
pub(super) struct Actions {
    actions: Vec<Action>,
}

/// The body: whether the rule counts.
#[derive(Deserialize)]
pub(super) struct Enabled {
    enabled: bool,
}

/// `{"actions"}` or `{"enabled"}`. Client-Server API, "Push rules".
///
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND.
pub(super) async fn get(
    part: &'static str,
    State(chat): State<App>,
    Auth(session): Auth,
    Path(name): Path<RuleName>,
) -> ApiResult<Json<Value>> {
    let rule = chat::push_rules::get(&chat, &session.user_id, &name).await?;
    Ok(Json(json!({ part: rule[part] })))
}

/// Sets what the rule does; returns `{}`.
///
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND, M_BAD_JSON.
pub(super) async fn put_actions(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(name): Path<RuleName>,
    Json(Actions { actions }): Json<Actions>,
) -> ApiResult<Json<Value>> {
    chat::push_rules::set_actions(&chat, &session.user_id, &name, actions).await?;
    Ok(Json(json!({})))
}

/// Switches the rule on or off; returns `{}`.
///
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND, M_BAD_JSON.
pub(super) async fn put_enabled(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(name): Path<RuleName>,
    Json(Enabled { enabled }): Json<Enabled>,
) -> ApiResult<Json<Value>> {
    chat::push_rules::set_enabled(&chat, &session.user_id, &name, enabled).await?;
    Ok(Json(json!({})))
}
