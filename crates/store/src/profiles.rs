//! What rooms show of a user.

use crate::{db::Db, error::Result, params};

/// A user's display name and avatar.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The display name.
    pub displayname: Option<String>,
    /// An `mxc:` address.
    pub avatar_url: Option<String>,
}

/// The names of an active user, if there is one.
pub async fn names(db: &Db, user_id: &str) -> Result<Option<Names>> {
    db.query_opt(
        "select displayname, avatar_url from users where user_id = $1 and deactivated = 0",
        params![user_id],
        |row| Ok(Names { displayname: row.get(0)?, avatar_url: row.get(1)? }),
    )
    .await
}
