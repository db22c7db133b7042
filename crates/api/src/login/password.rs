//! `GET` and `POST /_matrix/client/v3/login`

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    error::{ApiError, ApiResult},
    extract::{App, ClientIp, Json},
};

/// How one can sign in. Client-Server API, "GET /login".
pub(crate) async fn flows() -> Json<Value> {
    Json(json!({ "flows": [{ "type": "m.login.password" }] }))
}

#[derive(Deserialize)]
pub(crate) struct Body {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(flatten)]
    login: Map<String, Value>,
}

/// Signs in and returns tokens. Client-Server API, "POST /login".
///
/// M_FORBIDDEN (403): user or password wrong. M_UNKNOWN (400): an unknown way to sign in. M_MISSING_PARAM,
/// M_INVALID_PARAM, M_BAD_JSON (400). M_LIMIT_EXCEEDED (429).
pub(crate) async fn login(
    State(chat): State<App>,
    ClientIp(address): ClientIp,
    Json(body): Json<Body>,
) -> ApiResult<Json<Map<String, Value>>> {
    match body.kind.as_deref() {
        Some("m.login.password") => {}
        Some(_) => {
            let message = "This way to sign in is not offered here.";
            return Err(ApiError::new(axum::http::StatusCode::BAD_REQUEST, "M_UNKNOWN", message));
        }
        None => return Err(ApiError::missing("The type of login is missing.")),
    }
    let login = serde_json::from_value(Value::Object(body.login))
        .map_err(|error| ApiError::bad_json(format!("The JSON is not as expected: {error}.")))?;
    let signed_in = chat::accounts::login(&chat, login, &address).await?;
    Ok(Json(super::signed_in(signed_in)))
}
