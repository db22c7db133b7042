//! Users: their password, their rights and their profile.

use crate::{
    db::{Db, Stmt},
    error::Result,
    params,
    value::Row,
};

/// What signing in has to know of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsRow {
    /// The argon2id hash in PHC form; none if the user cannot sign in by password.
    pub password_hash: Option<String>,
    /// Whether the account was closed for good.
    pub deactivated: bool,
}

/// A user's profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileRow {
    /// The display name.
    pub displayname: Option<String>,
    /// The `mxc://` address of the avatar.
    pub avatar_url: Option<String>,
    /// The other fields: a JSON object.
    pub fields: String,
}

/// The password and the state of an account.
pub async fn credentials(db: &Db, user_id: &str) -> Result<Option<CredentialsRow>> {
    let map = |row: &Row<'_>| Ok(CredentialsRow { password_hash: row.get(0)?, deactivated: row.get(1)? });
    db.query_opt("select password_hash, deactivated from users where user_id = $1", params![user_id], map).await
}

/// Whether the name is taken, by an account that is in use or was deactivated.
pub async fn exists(db: &Db, user_id: &str) -> Result<bool> {
    let found = db.query_opt("select 1 from users where user_id = $1", params![user_id], |row| row.get::<i64>(0));
    Ok(found.await?.is_some())
}

/// Whether anybody has registered yet.
pub async fn any(db: &Db) -> Result<bool> {
    Ok(db.query_opt("select 1 from users limit 1", params![], |row| row.get::<i64>(0)).await?.is_some())
}

/// A user's profile, none if there is no such user or the account was deactivated.
pub async fn profile(db: &Db, user_id: &str) -> Result<Option<ProfileRow>> {
    db.query_opt(
        "select displayname, avatar_url, profile from users where user_id = $1 and deactivated = 0",
        params![user_id],
        |row| Ok(ProfileRow { displayname: row.get(0)?, avatar_url: row.get(1)?, fields: row.get(2)? }),
    )
    .await
}

/// A new user; the first one of all administers the server. Fails with an unmet expectation if the name is taken.
pub fn insert(user_id: &str, password_hash: &str, displayname: &str, now: i64) -> Stmt {
    Stmt::new(
        "insert into users (user_id, password_hash, admin, deactivated, displayname, avatar_url, profile, created_ts)
         values ($1, $2, case when exists (select 1 from users) then 0 else 1 end, 0, $3, null, '{}', $4)
         on conflict (user_id) do nothing",
        params![user_id, password_hash, displayname, now],
    )
    .expect(1)
}
