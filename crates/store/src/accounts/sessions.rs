//! Sessions: which access token, and which refresh token, speaks for which device. Tokens are known by their SHA-256.
//!
//! A refreshed session stays until its successor is first used, so that a client that lost the answer can ask again:
//! `previous` names the session that a new one replaces, until then.

use crate::{
    db::{Db, Stmt},
    error::Result,
    params,
    value::Row,
};

/// The SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The hash of its access token.
    pub token_hash: Vec<u8>,
    /// The user.
    pub user_id: String,
    /// The device.
    pub device_id: String,
    /// When the access token ends, milliseconds.
    pub expires_ts: Option<i64>,
    /// Whether the user administers the server.
    pub admin: bool,
    /// The session that this one replaces as soon as it is used.
    pub previous: Option<Vec<u8>>,
}

/// A session to insert.
#[derive(Debug, Clone)]
pub struct NewSession<'a> {
    /// The hash of its access token.
    pub token_hash: TokenHash,
    /// The user.
    pub user_id: &'a str,
    /// The device.
    pub device_id: &'a str,
    /// When the access token ends, milliseconds.
    pub expires_ts: Option<i64>,
    /// The hash of its refresh token.
    pub refresh_hash: Option<TokenHash>,
    /// The session that this one replaces as soon as it is used.
    pub previous: Option<Vec<u8>>,
    /// Milliseconds.
    pub now: i64,
}

fn read(row: &Row<'_>) -> Result<SessionRow> {
    Ok(SessionRow {
        token_hash: row.get(0)?,
        user_id: row.get(1)?,
        device_id: row.get(2)?,
        expires_ts: row.get(3)?,
        admin: row.get(4)?,
        previous: row.get(5)?,
    })
}

/// The session that belongs to an access token's hash.
pub async fn session(db: &Db, token_hash: &TokenHash) -> Result<Option<SessionRow>> {
    db.query_opt(
        "select s.token_hash, s.user_id, s.device_id, s.expires_ts, u.admin, s.previous
         from session s join users u on u.user_id = s.user_id where s.token_hash = $1",
        params![*token_hash],
        read,
    )
    .await
}

/// The session that belongs to a refresh token's hash.
pub async fn by_refresh_token(db: &Db, refresh_hash: &TokenHash) -> Result<Option<SessionRow>> {
    db.query_opt(
        "select s.token_hash, s.user_id, s.device_id, s.expires_ts, u.admin, s.previous
         from session s join users u on u.user_id = s.user_id where s.refresh_hash = $1",
        params![*refresh_hash],
        read,
    )
    .await
}

/// A session of a new user.
pub fn insert(session: &NewSession<'_>) -> Stmt {
    Stmt::new(
        "insert into session (token_hash, user_id, device_id, expires_ts, refresh_hash, previous, created_ts)
         values ($1, $2, $3, $4, $5, $6, $7)",
        values(session),
    )
}

/// A session of somebody who has just shown a password. Fails with an unmet expectation if it was changed meanwhile,
/// so that no session outlives the password that opened it.
pub fn insert_with_password(session: &NewSession<'_>, password_hash: &str) -> Stmt {
    let mut values = values(session);
    values.push(password_hash.into());
    Stmt::new(
        "insert into session (token_hash, user_id, device_id, expires_ts, refresh_hash, previous, created_ts)
         select $1, user_id, $3, $4, $5, $6, $7 from users
         where user_id = $2 and password_hash = $8 and deactivated = 0",
        values,
    )
    .expect(1)
}

/// A session that a refresh token gives. Fails with an unmet expectation if the session it came from is gone.
pub fn insert_refreshed(session: &NewSession<'_>) -> Stmt {
    Stmt::new(
        "insert into session (token_hash, user_id, device_id, expires_ts, refresh_hash, previous, created_ts)
         select $1, user_id, device_id, $4, $5, token_hash, $7 from session
         where token_hash = $6 and user_id = $2 and device_id = $3",
        values(session),
    )
    .expect(1)
}

fn values(session: &NewSession<'_>) -> Vec<crate::value::Value> {
    params![
        session.token_hash,
        session.user_id,
        session.device_id,
        session.expires_ts,
        session.refresh_hash,
        session.previous.clone(),
        session.now,
    ]
}

/// Notes that a session has taken the place of the one it replaces. Fails with an unmet expectation if it is gone.
pub fn settle(token_hash: &[u8]) -> Stmt {
    Stmt::new("update session set previous = null where token_hash = $1", params![token_hash]).expect(1)
}

/// Ends one session.
pub fn delete(token_hash: &[u8]) -> Stmt {
    Stmt::new("delete from session where token_hash = $1", params![token_hash])
}

/// Ends the sessions that were to replace one and were not used.
pub fn delete_successors(token_hash: &[u8]) -> Stmt {
    Stmt::new("delete from session where previous = $1", params![token_hash])
}

/// Ends a device's sessions.
pub fn delete_of_device(user_id: &str, device_id: &str) -> Stmt {
    Stmt::new("delete from session where user_id = $1 and device_id = $2", params![user_id, device_id])
}
