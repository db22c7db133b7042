//! `GET /_matrix/client/versions`

use serde_json::{Value, json};

use crate::extract::Json;

/// What the server speaks. Client-Server API, "API Versions".
pub(crate) async fn versions() -> Json<Value> {
    Json(json!({
        "versions": ["r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11",
            "v1.12", "v1.13", "v1.14", "v1.15", "v1.16"],
        "unstable_features": { "org.chatbook.stream": true },
    }))
}
