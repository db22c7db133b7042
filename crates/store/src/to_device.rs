//! Messages that wait for a device. They are in the order of their positions.
//!
//! **Invariant 3**: one is deleted only when the client echoes a token at or past the last one delivered to it.

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::{
    db::{Db, Stmt},
    error::Result,
    log::Shard,
    params,
    value::Value,
};

/// A waiting message.
#[derive(Debug, Clone)]
pub struct ToDeviceRow {
    /// Where it stands in the user's log.
    pub pos: i64,
    /// The event: `content`, `sender`, `type`.
    pub json: Arc<RawValue>,
}

/// At most `limit` messages after position `pos` up to position `until`, oldest first.
pub async fn after(
    db: &Db,
    shard: Shard,
    user_id: &str,
    device_id: &str,
    pos: i64,
    until: i64,
    limit: i64,
) -> Result<Vec<ToDeviceRow>> {
    db.query(
        "select pos, json from to_device where shard = $1 and user_id = $2 and device_id = $3 and pos > $4
         and pos <= $5 order by pos, idx limit $6",
        params![shard, user_id, device_id, pos, until, limit],
        |row| Ok(ToDeviceRow { pos: row.get(0)?, json: row.get(1)? }),
    )
    .await
}

/// The newest message that waits for each of the user's devices.
pub async fn heads(db: &Db, shard: Shard, user_id: &str) -> Result<Vec<(Arc<str>, i64)>> {
    db.query(
        "select device_id, max(pos) from to_device where shard = $1 and user_id = $2 group by device_id",
        params![shard, user_id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .await
}

/// Queues a message; `idx` orders those of one commit for one device.
pub fn put(shard: Shard, user_id: &str, device_id: &str, idx: i64, json: &str) -> Stmt {
    Stmt::new(
        "insert into to_device (shard, user_id, device_id, pos, idx, json) values ($1, $2, $3, $4, $5, $6)",
        params![shard, user_id, device_id, Value::Pos, idx, json],
    )
}

/// The device has acknowledged everything up to a position.
pub fn acknowledge(shard: Shard, user_id: &str, device_id: &str, pos: i64) -> Stmt {
    Stmt::new(
        "delete from to_device where shard = $1 and user_id = $2 and device_id = $3 and pos <= $4",
        params![shard, user_id, device_id, pos],
    )
}

/// The user's devices, to resolve `*`.
pub async fn devices(db: &Db, user_id: &str) -> Result<Vec<Arc<str>>> {
    db.query("select device_id from device where user_id = $1", params![user_id], |row| row.get(0)).await
}
