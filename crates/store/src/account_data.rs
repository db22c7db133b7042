//! A user's account data, global (`room_id` empty) and per room.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::{
    db::{Db, Stmt},
    error::Result,
    log::Shard,
    params,
    value::Value,
};

/// One account data event.
#[derive(Debug, Clone)]
pub struct AccountDataRow {
    /// The room, empty for global account data.
    pub room_id: Arc<str>,
    /// The event type.
    pub kind: Arc<str>,
    /// The content.
    pub json: Arc<RawValue>,
    /// When it was set.
    pub pos: i64,
}

/// All of a user's account data.
pub async fn of_user(db: &Db, shard: Shard, user_id: &str) -> Result<Vec<AccountDataRow>> {
    db.query(
        "select room_id, type, json, pos from account_data where shard = $1 and user_id = $2",
        params![shard, user_id],
        |row| Ok(AccountDataRow { room_id: row.get(0)?, kind: row.get(1)?, json: row.get(2)?, pos: row.get(3)? }),
    )
    .await
}

/// Sets it if it is what was set at position `before` (0: if there is none). Fails with an unmet expectation otherwise.
pub fn replace(shard: Shard, user_id: &str, room_id: &str, kind: &str, json: &str, before: i64) -> Stmt {
    Stmt::new(
        "insert into account_data (shard, user_id, room_id, type, json, pos) values ($1, $2, $3, $4, $5, $6)
         on conflict (shard, user_id, room_id, type) do update set json = excluded.json, pos = excluded.pos
         where account_data.pos = $7",
        params![shard, user_id, room_id, kind, json, Value::Pos, before],
    )
    .expect(1)
}

/// Sets it, whatever it was.
pub fn put(shard: Shard, user_id: &str, room_id: &str, kind: &str, json: &str) -> Stmt {
    Stmt::new(
        "insert into account_data (shard, user_id, room_id, type, json, pos) values ($1, $2, $3, $4, $5, $6)
         on conflict (shard, user_id, room_id, type) do update set json = excluded.json, pos = excluded.pos",
        params![shard, user_id, room_id, kind, json, Value::Pos],
    )
}
