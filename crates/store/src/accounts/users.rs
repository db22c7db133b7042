//! Users: their password, their rights and their profile.

use std::sync::Arc;

use crate::{
    db::{Db, Stmt},
    error::Result,
    log::Shard,
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
pub fn insert(user_id: &str, password_hash: &str, displayname: &str, search: &str, now: i64) -> Stmt {
    Stmt::new(
        "insert into users (user_id, password_hash, admin, deactivated, displayname, avatar_url, profile, search, created_ts)
         values ($1, $2, case when exists (select 1 from users) then 0 else 1 end, 0, $3, null, '{}', $4, $5)
         on conflict (user_id) do nothing",
        params![user_id, password_hash, displayname, search, now],
    )
    .expect(1)
}

/// A changed password. Fails with an unmet expectation if the account is not in use.
pub fn set_password(user_id: &str, password_hash: &str) -> Stmt {
    Stmt::new(
        "update users set password_hash = $2 where user_id = $1 and deactivated = 0",
        params![user_id, password_hash],
    )
    .expect(1)
}

/// A changed profile. Fails with an unmet expectation if it is not `before` any more: read it again.
pub fn set_profile(user_id: &str, before: &ProfileRow, after: &ProfileRow, search: &str) -> Stmt {
    // An empty text stands for null in the comparison, which no engine writes the same way; neither is ever stored empty.
    Stmt::new(
        "update users set displayname = $2, avatar_url = $3, profile = $4, search = $5
         where user_id = $1 and deactivated = 0
           and coalesce(displayname, '') = $6 and coalesce(avatar_url, '') = $7 and profile = $8",
        params![
            user_id,
            after.displayname.as_deref(),
            after.avatar_url.as_deref(),
            &after.fields,
            search,
            before.displayname.as_deref().unwrap_or_default(),
            before.avatar_url.as_deref().unwrap_or_default(),
            &before.fields,
        ],
    )
    .expect(1)
}

/// Closes an account for good: no password, no rights. The name stays taken.
pub fn deactivate(user_id: &str) -> Stmt {
    Stmt::new(
        "update users set password_hash = null, admin = 0, deactivated = 1, search = '' where user_id = $1",
        params![user_id],
    )
}

/// Closed accounts that are still in rooms, invited or knocking.
pub async fn deactivated_in_rooms(db: &Db) -> Result<Vec<String>> {
    db.query(
        "select user_id from users u where deactivated = 1 and exists
         (select 1 from shard s join user_room r on r.shard = s.shard
          where r.user_id = u.user_id and r.membership in ('join', 'invite', 'knock'))",
        params![],
        |row| row.get(0),
    )
    .await
}

/// Who had what they said erased, and when (milliseconds).
pub async fn erased(db: &Db) -> Result<Vec<(Arc<str>, i64)>> {
    db.query("select user_id, erased_ts from users where erased_ts is not null", params![], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
    .await
}

/// Removes what a closed account has left besides its events, and notes that these are erased.
pub fn erase(shard: Shard, user_id: &str, now: i64) -> Vec<Stmt> {
    vec![
        Stmt::new(
            "update users set displayname = null, avatar_url = null, profile = '{}', erased_ts = $2 where user_id = $1",
            params![user_id, now],
        ),
        Stmt::new("delete from account_data where shard = $1 and user_id = $2", params![shard, user_id]),
        Stmt::new("delete from filter where user_id = $1", params![user_id]),
    ]
}
