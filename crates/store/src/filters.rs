//! Sync filters that users have uploaded.

use crate::{
    db::{Db, Stmt},
    error::{Error, Result},
    params,
};

/// Keeps a filter under an id that follows from its content, so that keeping it twice changes nothing. Returns false,
/// and keeps nothing, if it would be a new one past the user's `max`.
pub async fn put(db: &Db, user_id: &str, filter_id: &str, json: &str, max: i64) -> Result<bool> {
    // The same rows whether the filter is new or known, so that "nothing changed" can only mean "one too many".
    let insert = Stmt::new(
        "insert into filter (user_id, filter_id, json) select $1, $2, $3
         where (select count(*) from filter where user_id = $1 and filter_id <> $2) < $4
         on conflict (user_id, filter_id) do update set json = excluded.json",
        params![user_id, filter_id, json, max],
    );
    match db.write(db.shard_of(user_id), vec![insert.expect(1)]).await {
        Ok(_) => Ok(true),
        Err(Error::Expectation(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A user's filter, as it was uploaded.
pub async fn get(db: &Db, user_id: &str, filter_id: &str) -> Result<Option<String>> {
    let sql = "select json from filter where user_id = $1 and filter_id = $2";
    db.query_opt(sql, params![user_id, filter_id], |row| row.get(0)).await
}
