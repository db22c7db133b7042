//! Appending to the log inside the writer's transaction: check what the command was decided on, number, insert.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use rusqlite::{Connection, OptionalExtension, params};

use super::writer::{isolated, prepare};
use crate::{
    db::Stmt,
    error::{Error, Result},
    log::{Commit, DAY_MS, Event, Guard, NewEvent, Outcome, Record, RoomPart, TxnKey},
    receipts,
    value::Value,
};

/// The last numbers of a room.
#[derive(Debug, Clone, Copy, Default)]
struct RoomHead {
    seq: i64,
    /// The number of the newest state event.
    state_seq: i64,
    count: i64,
    pos: i64,
}

/// The numbers of the rooms that a batch touches, written back once at its end.
type Rooms = HashMap<(i64, Arc<str>), RoomHead>;

/// The state of one batch: heads of its shards and rooms, and what it has appended.
pub(crate) struct Appender<'a> {
    connection: &'a Connection,
    heads: BTreeMap<i64, i64>,
    rooms: Rooms,
    records: Vec<Arc<Record>>,
}

impl<'a> Appender<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Self {
        Self { connection, heads: BTreeMap::new(), rooms: Rooms::new(), records: Vec::new() }
    }

    /// Appends one commit. [`Error::Stale`], [`Error::NoRoom`] and [`Error::Expectation`] leave nothing behind.
    pub(crate) fn append(&mut self, commit: &Commit) -> Result<Outcome> {
        if let Some(room) = &commit.room {
            self.check_guards(commit.shard, room)?;
        }
        if !commit.writes.iter().any(|write| write.expect.is_some()) {
            return self.insert(commit);
        }
        let (heads, rooms, records) = (self.heads.clone(), self.rooms.clone(), self.records.len());
        let result = isolated(self.connection, || self.insert(commit));
        if result.is_err() {
            (self.heads, self.rooms) = (heads, rooms);
            self.records.truncate(records);
        }
        result
    }

    /// Writes the heads back. Call once, before the transaction is committed.
    pub(crate) fn finish(self) -> Result<Vec<Arc<Record>>> {
        for (shard, head) in &self.heads {
            prepare(self.connection, "update shard set head = $2 where shard = $1")?.execute(params![shard, head])?;
        }
        for ((shard, room_id), RoomHead { seq, state_seq, count, pos }) in &self.rooms {
            prepare(
                self.connection,
                "update room set seq = $3, state_seq = $4, count = $5, pos = $6 where shard = $1 and room_id = $2",
            )?
            .execute(params![shard, room_id.as_ref(), seq, state_seq, count, pos])?;
        }
        Ok(self.records)
    }

    fn insert(&mut self, commit: &Commit) -> Result<Outcome> {
        if let Some((room, (version, creator))) =
            commit.room.as_ref().and_then(|room| room.create.as_ref().map(|create| (room, create)))
        {
            prepare(
                self.connection,
                "insert into room (shard, room_id, version, creator, seq, state_seq, count, pos, created_ts)
                 values ($1, $2, $3, $4, 0, 0, 0, 0, $5)",
            )?
            .execute(params![commit.shard, room.room_id.as_ref(), version, creator, commit.ts])?;
            self.rooms.insert((commit.shard, room.room_id.clone()), RoomHead::default());
        }
        let head = commit.room.as_ref().map(|room| self.room_head(commit.shard, &room.room_id)).transpose()?;
        if let Some(txn) = &commit.txn
            && let Some(event_id) = self.claim_txn(commit, txn)?
        {
            return Ok(Outcome::Duplicate { event_id });
        }
        let pos = self.next_pos(commit.shard)?;
        let events = match (&commit.room, head) {
            (Some(room), Some(head)) => {
                let (events, head) = number(room, head, pos);
                self.rooms.insert((commit.shard, room.room_id.clone()), head);
                events
            }
            _ => Vec::new(),
        };
        for event in &events {
            insert_event(self.connection, commit.shard, event)?;
        }
        let room_id = commit.room.as_ref().map_or("", |room| room.room_id.as_ref());
        let receipts = commit.receipts.iter().filter_map(|new| receipts::put(commit.shard, new, room_id, &events));
        let mentions = commit.mentions.iter().map(|mention| receipts::mention(commit.shard, mention, room_id));
        let common: Vec<_> = receipts.chain(mentions).collect();
        execute_late(self.connection, &common, pos, &events)?;
        execute_late(self.connection, &commit.writes, pos, &events)?;
        let record = Arc::new(Record { shard: commit.shard, pos, events, changes: commit.changes.clone() });
        insert_log(self.connection, &record, commit.ts)?;
        self.records.push(record.clone());
        Ok(Outcome::Committed(record))
    }

    fn next_pos(&mut self, shard: i64) -> Result<i64> {
        let head = match self.heads.get(&shard) {
            Some(head) => *head,
            None => prepare(self.connection, "select head from shard where shard = $1")?
                .query_row([shard], |row| row.get(0))?,
        };
        self.heads.insert(shard, head + 1);
        Ok(head + 1)
    }

    fn room_head(&mut self, shard: i64, room_id: &Arc<str>) -> Result<RoomHead> {
        let key = (shard, room_id.clone());
        if let Some(head) = self.rooms.get(&key) {
            return Ok(*head);
        }
        let head =
            prepare(self.connection, "select seq, state_seq, count, pos from room where shard = $1 and room_id = $2")?
                .query_row(params![shard, room_id.as_ref()], |row| {
                    Ok(RoomHead { seq: row.get(0)?, state_seq: row.get(1)?, count: row.get(2)?, pos: row.get(3)? })
                })
                .optional()?
                .ok_or(Error::NoRoom)?;
        self.rooms.insert(key, head);
        Ok(head)
    }

    /// Refuses a commit that was decided on state which has been replaced since.
    fn check_guards(&mut self, shard: i64, room: &RoomPart) -> Result<()> {
        if room.guards.is_empty() || self.room_head(shard, &room.room_id)?.state_seq <= room.decided_at {
            return Ok(());
        }
        for Guard { kind, state_key, seq } in &room.guards {
            let current: Option<i64> = prepare(
                self.connection,
                "select seq from state where shard = $1 and room_id = $2 and type = $3 and state_key = $4",
            )?
            .query_row(params![shard, room.room_id.as_ref(), kind.as_ref(), state_key.as_ref()], |row| row.get(0))
            .optional()?;
            if current.unwrap_or(0) != *seq {
                return Err(Error::Stale);
            }
        }
        Ok(())
    }

    /// Records the transaction id, or returns the event of the commit that had it first.
    fn claim_txn(&self, commit: &Commit, txn: &TxnKey) -> Result<Option<String>> {
        let event_id = commit.room.as_ref().and_then(|room| room.events.first()).map_or("", |event| &event.event_id);
        let (day, key) = (commit.ts / DAY_MS, txn.digest());
        let first: Option<String> = prepare(
            self.connection,
            "select event_id from txn where shard = $1 and day in ($2 - 1, $2, $2 + 1) and user_id = $3 and key = $4",
        )?
        .query_row(params![commit.shard, day, txn.user_id.as_ref(), key], |row| row.get(0))
        .optional()?;
        if first.is_none() {
            prepare(
                self.connection,
                "insert into txn (shard, day, user_id, key, event_id, pos) values ($1, $2, $3, $4, $5, 0)",
            )?
            .execute(params![commit.shard, day, txn.user_id.as_ref(), key, event_id])?;
        }
        Ok(first)
    }
}

fn number(room: &RoomPart, mut head: RoomHead, pos: i64) -> (Vec<Arc<Event>>, RoomHead) {
    head.pos = pos;
    let number_one = |new: &NewEvent| {
        head.seq += 1;
        head.count += i64::from(new.notifies);
        if new.state_key.is_some() {
            head.state_seq = head.seq;
        }
        Arc::new(Event {
            room_id: room.room_id.clone(),
            seq: head.seq,
            pos,
            event_id: new.event_id.clone(),
            kind: new.kind.clone(),
            state_key: new.state_key.clone(),
            sender: new.sender.clone(),
            txn: new.txn.clone(),
            count: head.count,
            ts: new.ts,
            json: new.json.clone(),
        })
    };
    (room.events.iter().map(number_one).collect(), head)
}

fn insert_event(connection: &Connection, shard: i64, event: &Event) -> Result<()> {
    let (device_id, txn_id) = event.txn.as_ref().map(|(d, t)| (d.as_ref(), t.as_ref())).unzip();
    prepare(
        connection,
        "insert into event (shard, room_id, seq, pos, event_id, type, state_key, sender, device_id, txn_id, count, ts, json)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )?
    .execute(params![
        shard,
        event.room_id.as_ref(),
        event.seq,
        event.pos,
        event.event_id.as_ref(),
        event.kind.as_ref(),
        event.state_key.as_deref(),
        event.sender.as_ref(),
        device_id,
        txn_id,
        event.count,
        event.ts,
        event.json.get()
    ])?;
    if let Some(state_key) = &event.state_key {
        prepare(
            connection,
            "insert into state (shard, room_id, type, state_key, seq, pos) values ($1, $2, $3, $4, $5, $6)
             on conflict (shard, room_id, type, state_key) do update set seq = excluded.seq, pos = excluded.pos",
        )?
        .execute(params![
            shard,
            event.room_id.as_ref(),
            event.kind.as_ref(),
            state_key.as_ref(),
            event.seq,
            event.pos
        ])?;
    }
    Ok(())
}

/// The log's row: where the events stand, which are stored once, and the other changes.
fn insert_log(connection: &Connection, record: &Record, ts: i64) -> Result<()> {
    let first = record.events.first();
    let changes = (!record.changes.is_empty()).then(|| serde_json::to_string(&record.changes)).transpose();
    prepare(
        connection,
        "insert into log (shard, pos, room_id, seq, events, changes, ts) values ($1, $2, $3, $4, $5, $6, $7)",
    )?
    .execute(params![
        record.shard,
        record.pos,
        first.map(|event| event.room_id.as_ref()),
        first.map_or(0, |event| event.seq),
        record.events.len() as i64,
        changes.map_err(|e| Error::Database(e.to_string().into()))?,
        ts
    ])?;
    Ok(())
}

/// Runs the projections, with the commit's numbers put in.
fn execute_late(connection: &Connection, statements: &[Stmt], pos: i64, events: &[Arc<Event>]) -> Result<()> {
    for (index, statement) in statements.iter().enumerate() {
        let params = statement.params.iter().map(|value| match value {
            Value::Pos => Value::Int(pos),
            Value::Seq(n) => events.get(*n).map_or(Value::Null, |e| Value::Int(e.seq)),
            Value::Count(n) => events.get(*n).map_or(Value::Null, |e| Value::Int(e.count)),
            value => value.clone(),
        });
        execute(connection, index, statement, rusqlite::params_from_iter(params))?;
    }
    Ok(())
}

/// Runs the statements of a write.
pub(crate) fn execute_all(connection: &Connection, statements: &[Stmt]) -> Result<Vec<usize>> {
    let run = |(index, statement): (usize, &Stmt)| {
        execute(connection, index, statement, rusqlite::params_from_iter(&statement.params))
    };
    statements.iter().enumerate().map(run).collect()
}

fn execute(connection: &Connection, index: usize, statement: &Stmt, params: impl rusqlite::Params) -> Result<usize> {
    let changed = prepare(connection, statement.sql)?.execute(params)?;
    match statement.expect {
        Some(expected) if expected != changed => Err(Error::Expectation(index)),
        _ => Ok(changed),
    }
}
