//! How far people have read, and where they were mentioned since.

use std::sync::Arc;

use crate::{
    db::{Db, Stmt},
    error::Result,
    log::{Receipt, Shard},
    params,
    value::Value,
};

/// The room's receipts, each with the position it was set at.
pub async fn of_room(db: &Db, shard: Shard, room_id: &str) -> Result<Vec<(Receipt, i64)>> {
    db.query(
        "select room_id, user_id, kind, thread, event_id, seq, count, ts, pos from receipt where shard = $1 and room_id = $2",
        params![shard, room_id],
        |row| {
            let receipt = Receipt {
                room_id: row.get(0)?,
                user_id: row.get(1)?,
                kind: row.get(2)?,
                thread: row.get(3)?,
                event_id: row.get(4)?,
                seq: row.get(5)?,
                count: row.get(6)?,
                ts: row.get(7)?,
            };
            Ok((receipt, row.get(8)?))
        },
    )
    .await
}

/// Sets a receipt, unless a later event has one already.
pub fn put(shard: Shard, receipt: &Receipt) -> Stmt {
    Stmt::new(
        PUT,
        params![
            shard,
            &receipt.room_id,
            &receipt.user_id,
            &receipt.kind,
            &receipt.thread,
            &receipt.event_id,
            receipt.seq,
            receipt.count,
            Value::Pos,
            receipt.ts
        ],
    )
}

/// Who sends the commit's n-th event has read up to it.
pub fn put_own(shard: Shard, room_id: &str, user_id: &str, event_id: &str, n: usize, ts: i64) -> Stmt {
    let params = params![shard, room_id, user_id, "own", "", event_id, Value::Seq(n), Value::Count(n), Value::Pos, ts];
    Stmt::new(PUT, params)
}

const PUT: &str = "
    insert into receipt (shard, room_id, user_id, kind, thread, event_id, seq, count, pos, ts)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (shard, room_id, user_id, kind, thread) do update
    set event_id = excluded.event_id, seq = excluded.seq, count = excluded.count, pos = excluded.pos, ts = excluded.ts
    where excluded.seq > receipt.seq";

/// The room's mentions that were not read yet: who, and in which event. `@room` stands for everyone.
pub async fn mentions(db: &Db, shard: Shard, room_id: &str) -> Result<Vec<(Arc<str>, i64)>> {
    db.query(
        "select user_id, seq from mention where shard = $1 and room_id = $2 order by seq desc limit 10000",
        params![shard, room_id],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .await
}

/// The commit's n-th event mentions the user.
pub fn mention(shard: Shard, room_id: &str, user_id: &str, n: usize) -> Stmt {
    Stmt::new(
        "insert into mention (shard, room_id, user_id, seq) values ($1, $2, $3, $4) on conflict do nothing",
        params![shard, room_id, user_id, Value::Seq(n)],
    )
}

/// The user's mentions up to an event are read.
pub fn clear_mentions(shard: Shard, room_id: &str, user_id: &str, seq: i64) -> Stmt {
    Stmt::new(
        "delete from mention where shard = $1 and room_id = $2 and user_id = $3 and seq <= $4",
        params![shard, room_id, user_id, seq],
    )
}
