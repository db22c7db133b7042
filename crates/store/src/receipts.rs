//! How far people have read, and where they were mentioned since.

use std::sync::Arc;

use crate::{
    db::{Db, Stmt},
    error::Result,
    log::{Event, Mention, NewReceipt, Receipt, Shard},
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

/// Sets the receipts of a commit whose events are numbered.
pub(crate) fn put(shard: Shard, receipt: &NewReceipt, room: &str, events: &[Arc<Event>]) -> Option<Stmt> {
    let params = match receipt {
        NewReceipt::Read(Receipt { room_id, user_id, kind, thread, event_id, seq, count, ts }) => {
            params![shard, room_id, user_id, kind, thread, event_id, *seq, *count, Value::Pos, *ts]
        }
        NewReceipt::Own { user_id, n } => {
            let event = events.get(*n)?;
            params![shard, room, user_id, "own", "", &event.event_id, event.seq, event.count, Value::Pos, event.ts]
        }
    };
    Some(Stmt::new(PUT, params))
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

pub(crate) fn mention(shard: Shard, mention: &Mention, room: &str) -> Stmt {
    Stmt::new(
        "insert into mention (shard, room_id, user_id, seq) values ($1, $2, $3, $4) on conflict do nothing",
        params![shard, room, &mention.user_id, Value::Seq(mention.n)],
    )
}

/// The user's mentions up to an event are read.
pub fn clear_mentions(shard: Shard, room_id: &str, user_id: &str, seq: i64) -> Stmt {
    Stmt::new(
        "delete from mention where shard = $1 and room_id = $2 and user_id = $3 and seq <= $4",
        params![shard, room_id, user_id, seq],
    )
}
