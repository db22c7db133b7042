//! Tokens that let people register, each for a number of accounts and until a time.

use crate::{
    db::{Db, Stmt},
    error::Result,
    params,
    value::Row,
};

/// A registration token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationTokenRow {
    /// The token.
    pub token: String,
    /// For how many accounts it is good; none for any number.
    pub uses_allowed: Option<i64>,
    /// How many accounts were made with it.
    pub used: i64,
    /// When it ends, milliseconds.
    pub expires_ts: Option<i64>,
    /// When it was made, milliseconds.
    pub created_ts: i64,
}

fn read(row: &Row<'_>) -> Result<RegistrationTokenRow> {
    Ok(RegistrationTokenRow {
        token: row.get(0)?,
        uses_allowed: row.get(1)?,
        used: row.get(2)?,
        expires_ts: row.get(3)?,
        created_ts: row.get(4)?,
    })
}

/// Whether an account could be made with the token now.
pub async fn is_valid(db: &Db, token: &str, now: i64) -> Result<bool> {
    let found = db.query_opt(
        "select 1 from registration_token
         where token = $1 and (uses_allowed is null or used < uses_allowed) and (expires_ts is null or expires_ts > $2)",
        params![token, now],
        |row| row.get::<i64>(0),
    );
    Ok(found.await?.is_some())
}

/// All tokens, the newest first.
pub async fn list(db: &Db) -> Result<Vec<RegistrationTokenRow>> {
    db.query(
        "select token, uses_allowed, used, expires_ts, created_ts from registration_token order by created_ts desc, token",
        params![],
        read,
    )
    .await
}

/// Counts one use. Fails with an unmet expectation if the token is unknown, used up or expired, so that no more
/// accounts than allowed come of it however many register at once.
pub fn take(token: &str, now: i64) -> Stmt {
    Stmt::new(
        "update registration_token set used = used + 1
         where token = $1 and (uses_allowed is null or used < uses_allowed) and (expires_ts is null or expires_ts > $2)",
        params![token, now],
    )
    .expect(1)
}

/// A new token. Fails with an unmet expectation if there is one of this text.
pub fn insert(row: &RegistrationTokenRow) -> Stmt {
    Stmt::new(
        "insert into registration_token (token, uses_allowed, used, expires_ts, created_ts) values ($1, $2, $3, $4, $5)
         on conflict (token) do nothing",
        params![&row.token, row.uses_allowed, row.used, row.expires_ts, row.created_ts],
    )
    .expect(1)
}

/// Removes a token; changes no row if there is none.
pub fn delete(token: &str) -> Stmt {
    Stmt::new("delete from registration_token where token = $1", params![token])
}
