//! Users, devices and sessions.

use crate::{db::Db, error::Result, params};

/// A session by its access token's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The user.
    pub user_id: String,
    /// The device.
    pub device_id: String,
    /// When the access token ends, milliseconds.
    pub expires_ts: Option<i64>,
    /// Whether the user administers the server.
    pub admin: bool,
}

/// The session that belongs to an access token's hash.
pub async fn session(db: &Db, token_hash: &[u8; 32]) -> Result<Option<SessionRow>> {
    db.query_opt(
        "select s.user_id, s.device_id, s.expires_ts, u.admin from session s join users u on u.user_id = s.user_id
         where s.token_hash = $1",
        params![*token_hash],
        |row| {
            Ok(SessionRow { user_id: row.get(0)?, device_id: row.get(1)?, expires_ts: row.get(2)?, admin: row.get(3)? })
        },
    )
    .await
}
