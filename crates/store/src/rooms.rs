//! A room's head and its current state.

use std::sync::Arc;

use crate::{
    db::Db,
    error::Result,
    events,
    log::{Event, Shard},
    params,
};

/// A room's row.
#[derive(Debug, Clone)]
pub struct RoomRow {
    /// The room version.
    pub version: String,
    /// Who made it.
    pub creator: String,
    /// The number of its newest event.
    pub seq: i64,
    /// How many notifying events it has.
    pub count: i64,
    /// The position of its newest change of any kind.
    pub pos: i64,
}

/// The room, if there is one.
pub async fn get(db: &Db, shard: Shard, room_id: &str) -> Result<Option<RoomRow>> {
    db.query_opt(
        "select version, creator, seq, count, pos from room where shard = $1 and room_id = $2",
        params![shard, room_id],
        |row| {
            Ok(RoomRow {
                version: row.get(0)?,
                creator: row.get(1)?,
                seq: row.get(2)?,
                count: row.get(3)?,
                pos: row.get(4)?,
            })
        },
    )
    .await
}

/// The room's current state events.
pub async fn current_state(db: &Db, shard: Shard, room_id: &str) -> Result<Vec<Arc<Event>>> {
    db.query(
        "select e.room_id, e.seq, e.pos, e.event_id, e.type, e.state_key, e.sender, e.device_id, e.txn_id, e.count, e.ts, e.json
         from state s join event e on e.shard = s.shard and e.room_id = s.room_id and e.seq = s.seq
         where s.shard = $1 and s.room_id = $2",
        params![shard, room_id],
        events::read,
    )
    .await
}

/// The latest state event under a key before the event numbered `seq`.
pub async fn state_before(
    db: &Db,
    shard: Shard,
    room_id: &str,
    kind: &str,
    state_key: &str,
    seq: i64,
) -> Result<Option<Arc<Event>>> {
    db.query_opt(
        "select room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json from event
         where shard = $1 and room_id = $2 and type = $3 and state_key = $4 and seq < $5 and state_key is not null
         order by seq desc limit 1",
        params![shard, room_id, kind, state_key, seq],
        events::read,
    )
    .await
}

/// The state event under a key that replaced the one numbered `seq`.
pub async fn state_after(
    db: &Db,
    shard: Shard,
    room_id: &str,
    kind: &str,
    state_key: &str,
    seq: i64,
) -> Result<Option<Arc<Event>>> {
    db.query_opt(
        "select room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json from event
         where shard = $1 and room_id = $2 and type = $3 and state_key = $4 and seq > $5 and state_key is not null
         order by seq limit 1",
        params![shard, room_id, kind, state_key, seq],
        events::read,
    )
    .await
}

/// All state events that ever stood under a key, oldest first.
pub async fn state_history(
    db: &Db,
    shard: Shard,
    room_id: &str,
    kind: &str,
    state_key: &str,
) -> Result<Vec<Arc<Event>>> {
    db.query(
        "select room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json from event
         where shard = $1 and room_id = $2 and type = $3 and state_key = $4 and state_key is not null order by seq",
        params![shard, room_id, kind, state_key],
        events::read,
    )
    .await
}

/// The state events numbered from `from` to before `to`, oldest first, at most `limit`.
pub async fn state_between(
    db: &Db,
    shard: Shard,
    room_id: &str,
    from: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<Arc<Event>>> {
    db.query(
        "select room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json from event
         where shard = $1 and room_id = $2 and seq >= $3 and seq < $4 and state_key is not null order by seq limit $5",
        params![shard, room_id, from, to, limit],
        events::read,
    )
    .await
}

/// The room's state as it was before the event numbered `seq`.
pub async fn state_at(db: &Db, shard: Shard, room_id: &str, seq: i64) -> Result<Vec<Arc<Event>>> {
    db.query(
        "select e.room_id, e.seq, e.pos, e.event_id, e.type, e.state_key, e.sender, e.device_id, e.txn_id, e.count, e.ts, e.json
         from (select type, state_key, max(seq) as seq from event
               where shard = $1 and room_id = $2 and seq < $3 and state_key is not null group by type, state_key) s
         join event e on e.shard = $1 and e.room_id = $2 and e.seq = s.seq",
        params![shard, room_id, seq],
        events::read,
    )
    .await
}
