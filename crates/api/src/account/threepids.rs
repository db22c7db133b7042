//! `GET /_matrix/client/v3/account/3pid`

use serde_json::{Value, json};

use crate::extract::{Auth, Json};

/// E-mail addresses and telephone numbers of the account: this server keeps none. Client-Server API, "Adding account
/// administrative contact information".
pub(crate) async fn threepids(_: Auth) -> Json<Value> {
    Json(json!({ "threepids": [] }))
}
