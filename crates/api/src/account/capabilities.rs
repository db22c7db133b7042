//! `GET /_matrix/client/v3/capabilities`

use serde_json::{Value, json};

use crate::extract::{Auth, Json};

/// What a user may do here. Client-Server API, "Capabilities negotiation".
pub(crate) async fn capabilities(_: Auth) -> Json<Value> {
    Json(json!({ "capabilities": {
        "m.change_password": { "enabled": true },
        "m.room_versions": { "default": "12", "available": { "10": "stable", "11": "stable", "12": "stable" } },
        "m.set_displayname": { "enabled": true },
        "m.set_avatar_url": { "enabled": true },
        "m.profile_fields": { "enabled": true },
        "m.3pid_changes": { "enabled": false },
        "m.get_login_token": { "enabled": false },
    }}))
}
