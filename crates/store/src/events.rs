//! Events of a room by number and by id.

use std::sync::Arc;

use crate::{
    db::{Db, Stmt},
    error::Result,
    log::{DAY_MS, Event, Shard, TxnKey},
    params,
    value::Row,
};

/// Reads `room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json`.
pub(crate) fn read(row: &Row<'_>) -> Result<Arc<Event>> {
    let device_id: Option<Arc<str>> = row.get(7)?;
    let txn_id: Option<Arc<str>> = row.get(8)?;
    Ok(Arc::new(Event {
        room_id: row.get(0)?,
        seq: row.get(1)?,
        pos: row.get(2)?,
        event_id: row.get(3)?,
        kind: row.get(4)?,
        state_key: row.get(5)?,
        sender: row.get(6)?,
        txn: device_id.zip(txn_id),
        count: row.get(9)?,
        ts: row.get(10)?,
        json: row.get(11)?,
    }))
}

/// The event with this id in the room, if there is one.
pub async fn by_id(db: &Db, shard: Shard, room_id: &str, event_id: &str) -> Result<Option<Arc<Event>>> {
    let event = db
        .query_opt(
            "select room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json from event
             where shard = $1 and event_id = $2",
            params![shard, event_id],
            read,
        )
        .await?;
    Ok(event.filter(|event| event.room_id.as_ref() == room_id))
}

/// At most `limit` events numbered below `seq` and committed after position `after_pos`, newest first.
pub async fn before(
    db: &Db,
    shard: Shard,
    room_id: &str,
    seq: i64,
    after_pos: i64,
    limit: i64,
) -> Result<Vec<Arc<Event>>> {
    db.query(
        "select room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json from event
         where shard = $1 and room_id = $2 and seq < $3 and pos > $4 order by seq desc limit $5",
        params![shard, room_id, seq, after_pos, limit],
        read,
    )
    .await
}

/// At most `limit` events numbered `seq` and above, oldest first.
pub async fn from(db: &Db, shard: Shard, room_id: &str, seq: i64, limit: i64) -> Result<Vec<Arc<Event>>> {
    db.query(
        "select room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json from event
         where shard = $1 and room_id = $2 and seq >= $3 order by seq limit $4",
        params![shard, room_id, seq, limit],
        read,
    )
    .await
}

/// The number of the room's newest event at or before a position of the log, 0 if it has none.
pub async fn seq_at(db: &Db, shard: Shard, room_id: &str, pos: i64) -> Result<i64> {
    let seq = db
        .query_opt(
            "select seq from event where shard = $1 and room_id = $2 and pos <= $3 order by seq desc limit 1",
            params![shard, room_id, pos],
            |row| row.get(0),
        )
        .await?;
    Ok(seq.unwrap_or(0))
}

/// Lets the commit stand only if the event numbered `seq` still reads as `json`: what repeats it must not outlive a
/// redaction that came between.
pub fn unredacted(shard: Shard, room_id: &str, seq: i64, json: &str) -> Stmt {
    Stmt::new(
        "update room set version = version where shard = $1 and room_id = $2
         and exists (select 1 from event where shard = $1 and room_id = $2 and seq = $3 and json = $4)",
        params![shard, room_id, seq, json],
    )
    .expect(1)
}

/// Lets the commit stand only if the state event that replaced the one numbered `seq` is still the one numbered
/// `successor` (0: none): it repeats what is to be redacted.
pub fn replaced_by(shard: Shard, room_id: &str, event: &Event, successor: i64) -> Stmt {
    let sql = match successor {
        // One that comes in the same batch is among the room's state already, and among its events not yet.
        0 => {
            "update room set version = version where shard = $1 and room_id = $2
             and exists (select 1 from state where shard = $1 and room_id = $2 and type = $3 and state_key = $4 and seq = $5)"
        }
        _ => {
            "update room set version = version where shard = $1 and room_id = $2
             and (select min(seq) from event where shard = $1 and room_id = $2 and type = $3 and state_key = $4
                    and seq > $5 and state_key is not null) = $6"
        }
    };
    let state_key = event.state_key.as_deref().unwrap_or_default();
    let mut params = params![shard, room_id, &event.kind, state_key, event.seq];
    params.extend((successor > 0).then(|| successor.into()));
    Stmt::new(sql, params).expect(1)
}

/// Replaces an event's JSON by what a redaction leaves of it. A retry of its sending still finds it through `txn`.
pub fn redact(shard: Shard, room_id: &str, seq: i64, json: &str) -> Stmt {
    Stmt::new(
        "update event set json = $4, device_id = null, txn_id = null where shard = $1 and room_id = $2 and seq = $3",
        params![shard, room_id, seq, json],
    )
    .expect(1)
}

/// Removes transaction ids of the shard that do not count any more at `now` (milliseconds, on any node's clock), some
/// thousands of them. Says whether there were any.
pub async fn expire_txns(db: &Db, shard: Shard, now: i64) -> Result<bool> {
    let before = params![shard, now / DAY_MS - 2];
    let sql = "select day from txn where shard = $1 and day < $2 limit 1";
    let any: Option<i64> = db.query_opt(sql, before.clone(), |row| row.get(0)).await?;
    if any.is_some() {
        let sql = "delete from txn where shard = $1 and (day, user_id, key) in
                   (select day, user_id, key from txn where shard = $1 and day < $2 limit 5000)";
        db.tidy(Stmt::new(sql, before)).await?;
    }
    Ok(any.is_some())
}

/// Removes log rows of the shard that are older than `ts` (milliseconds), some thousands of them. Says whether there were
/// any.
pub async fn expire_log(db: &Db, shard: Shard, ts: i64) -> Result<bool> {
    // There is no index by time: what is old stands at the beginning.
    let sql =
        "select max(pos) from (select pos, ts from log where shard = $1 order by pos limit 5000) oldest where ts < $2";
    let last: Option<i64> = db.query_opt(sql, params![shard, ts], |row| row.get(0)).await?.flatten();
    if let Some(last) = last {
        db.tidy(Stmt::new("delete from log where shard = $1 and pos <= $2", params![shard, last])).await?;
    }
    Ok(last.is_some())
}

/// The first event of the commit that was made under a transaction id not long before `now`, milliseconds.
pub async fn under_txn(db: &Db, shard: Shard, txn: &TxnKey, now: i64) -> Result<Option<String>> {
    let day = now / DAY_MS;
    // A look at the whole key for each day: of a list of days a plan may make a filter.
    let sql = "select event_id from txn where shard = $1 and day = $2 and user_id = $5 and key = $6
               union all select event_id from txn where shard = $1 and day = $3 and user_id = $5 and key = $6
               union all select event_id from txn where shard = $1 and day = $4 and user_id = $5 and key = $6";
    let params = params![shard, day - 1, day, day + 1, &*txn.user_id, txn.digest().to_vec()];
    db.query_opt(sql, params, |row| row.get(0)).await
}
