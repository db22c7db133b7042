//! `GET` and `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`

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

/// `{"actions"}`. Client-Server API, "Push rules".
///
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND.
pub(super) async fn get(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(name): Path<RuleName>,
) -> ApiResult<Json<Value>> {
    let rule = chat::push_rules::get(&chat, &session.user_id, &name).await?;
    Ok(Json(json!({ "actions": rule["actions"] })))
}

/// Sets what the rule does; returns `{}`.
///
/// M_INVALID_PARAM for an unknown kind, M_NOT_FOUND, M_BAD_JSON.
pub(super) async fn put(
    State(chat): State<App>,
    Auth(session): Auth,
    Path(name): Path<RuleName>,
    Json(Actions { actions }): Json<Actions>,
) -> ApiResult<Json<Value>> {
    chat::push_rules::set_actions(&chat, &session.user_id, &name, actions).await?;
    Ok(Json(json!({})))
}
