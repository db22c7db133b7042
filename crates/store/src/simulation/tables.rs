//! The rows of one shard, and what a batch does to them: `commit_batch.sql` in Rust.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    command::{self, Answer, Command, Fate, record},
    db::Stmt,
    error::{Error, Result},
    log::{Change, Commit, Outcome, Record, RoomPart},
    to_device,
    value::Value,
};

/// How far positions jump with a new epoch.
const GAP: i64 = 1 << 32;

/// A command, with its key, on its way to the database.
pub(super) struct Order {
    key: TxnKey,
    what: What,
}

enum What {
    Write(Vec<Stmt>),
    Commit(Box<Commit>),
}

type TxnKey = (Arc<str>, [u8; 16]);

impl Order {
    pub(super) fn new(order: &command::Order<'_>) -> Self {
        let command::Order { command, key, .. } = order;
        let what = match command {
            Command::Write(statements) => What::Write(statements.clone()),
            Command::Commit(commit) => What::Commit(commit.clone()),
        };
        Self { key: (key.user_id.clone(), key.key), what }
    }
}

/// The rows of a shard.
#[derive(Clone, Default)]
pub(super) struct Tables {
    pub(super) epoch: i64,
    pub(super) head: i64,
    pub(super) log: Vec<Arc<Record>>,
    txns: BTreeMap<TxnKey, (i64, String)>,
    rooms: BTreeMap<Arc<str>, Room>,
    /// Messages that wait: the user, the device, the position.
    pub(super) mail: BTreeSet<(Arc<str>, Arc<str>, i64)>,
}

#[derive(Clone, Default)]
struct Room {
    seq: i64,
    state_seq: i64,
    count: i64,
    state: BTreeMap<(Arc<str>, Arc<str>), i64>,
}

/// What a transaction changes when it commits.
#[derive(Default)]
pub(super) struct Delta {
    pub(super) epoch: i64,
    pub(super) head: i64,
    pub(super) records: Vec<Arc<Record>>,
    txns: Vec<(TxnKey, (i64, String))>,
    rooms: BTreeMap<Arc<str>, Room>,
    /// Up to which position messages to a device were acknowledged.
    acknowledged: Vec<(Arc<str>, Arc<str>, i64)>,
}

impl Delta {
    /// Whether nothing was done.
    pub(super) fn is_empty(&self) -> bool {
        self.txns.is_empty()
    }
}

impl Tables {
    /// Those of a new store.
    pub(super) fn new() -> Self {
        Self { epoch: 1, ..Self::default() }
    }

    /// What begins a new epoch.
    pub(super) fn new_epoch(&self) -> Delta {
        Delta { epoch: self.epoch + 1, head: self.head + GAP, ..Delta::default() }
    }

    /// What the batch comes to, on these rows; or the index of the command that fails.
    pub(super) fn run(&self, orders: &[Order]) -> Result<(Delta, Vec<Fate>), (usize, Error)> {
        let mut delta = Delta { epoch: self.epoch, head: self.head, ..Delta::default() };
        let mut fates = Vec::with_capacity(orders.len());
        for (index, order) in orders.iter().enumerate() {
            fates.push(self.run_one(order, &mut delta).map_err(|error| (index, error))?);
        }
        Ok((delta, fates))
    }

    fn run_one(&self, Order { key, what }: &Order, delta: &mut Delta) -> Result<Fate> {
        if let Some((pos, answer)) = self.txns.get(key) {
            return Ok(Fate::Before { pos: *pos, answer: answer.clone() });
        }
        if delta.txns.iter().any(|(other, _)| other == key) {
            return Err(Error::Database("a key stands twice in a batch".into()));
        }
        match what {
            What::Write(statements) => {
                let rows = self.write(statements, delta)?;
                let answer = rows.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
                delta.txns.push((key.clone(), (0, answer)));
                Ok(Fate::Done(Answer::Write(rows)))
            }
            What::Commit(commit) => self.commit(commit, key, delta),
        }
    }

    fn commit(&self, commit: &Commit, key: &TxnKey, delta: &mut Delta) -> Result<Fate> {
        let mut numbers = Vec::new();
        if let Some(part) = &commit.room {
            if !part.guards.is_empty() && part.epoch != 0 && part.epoch != self.epoch {
                return Ok(Fate::Refused(Error::Stale));
            }
            let known = delta.rooms.get(&part.room_id).or_else(|| self.rooms.get(&part.room_id));
            let mut room = match known {
                Some(room) => room.clone(),
                None if part.create.is_some() => Room::default(),
                None => return Ok(Fate::Refused(Error::NoRoom)),
            };
            if room.is_newer(part) {
                return Ok(Fate::Refused(Error::Stale));
            }
            self.write(&commit.writes, delta)?;
            numbers = room.append(part);
            delta.rooms.insert(part.room_id.clone(), room);
        } else {
            self.write(&commit.writes, delta)?;
        }
        delta.head += 1;
        let record = Arc::new(record(delta.head, commit, numbers.into_iter().map(Some)));
        let first = record.events.first().map(|event| event.event_id.to_string()).unwrap_or_default();
        delta.txns.push((key.clone(), (record.pos, first)));
        delta.records.push(record.clone());
        Ok(Fate::Done(Answer::Commit(Outcome::Committed(record))))
    }

    /// Of all statements, the model knows the one that acknowledges messages to a device; others find no row.
    fn write(&self, statements: &[Stmt], delta: &mut Delta) -> Result<Vec<usize>> {
        let known = to_device::acknowledge(0, "", "", 0).sql;
        let mut changed = Vec::with_capacity(statements.len());
        for (index, statement) in statements.iter().enumerate() {
            let rows = match statement.params.as_slice() {
                [_, Value::Text(user), Value::Text(device), Value::Int(pos)] if statement.sql == known => {
                    delta.acknowledged.push((user.as_str().into(), device.as_str().into(), *pos));
                    self.mail.iter().filter(|mail| is_covered(mail, user, device, *pos)).count()
                }
                _ => 0,
            };
            if statement.expect.is_some_and(|expected| expected != rows) {
                return Err(Error::Expectation(index));
            }
            changed.push(rows);
        }
        Ok(changed)
    }

    pub(super) fn apply(&mut self, delta: &Delta) {
        (self.epoch, self.head) = (delta.epoch, delta.head);
        for (user, device, pos) in &delta.acknowledged {
            self.mail.retain(|mail| !is_covered(mail, user, device, *pos));
        }
        for record in &delta.records {
            self.mail.extend(record.changes.iter().filter_map(|change| match change {
                Change::ToDevice { user_id, device_id } => Some((user_id.clone(), device_id.clone(), record.pos)),
                _ => None,
            }));
        }
        self.log.extend(delta.records.iter().cloned());
        self.txns.extend(delta.txns.iter().cloned());
        self.rooms.extend(delta.rooms.iter().map(|(id, room)| (id.clone(), room.clone())));
    }
}

fn is_covered(mail: &(Arc<str>, Arc<str>, i64), user: &str, device: &str, pos: i64) -> bool {
    mail.0.as_ref() == user && mail.1.as_ref() == device && mail.2 <= pos
}

impl Room {
    /// Whether something the command was decided on has changed.
    fn is_newer(&self, part: &RoomPart) -> bool {
        let moved =
            |(kind, key): (&Arc<str>, &Arc<str>)| self.state.get(&(kind.clone(), key.clone())).copied().unwrap_or(0);
        self.state_seq > part.decided_at
            && part.guards.iter().any(|guard| moved((&guard.kind, &guard.state_key)) != guard.seq)
    }

    /// Numbers the events.
    fn append(&mut self, part: &RoomPart) -> Vec<(i64, i64)> {
        let number = |event: &crate::log::NewEvent| {
            self.seq += 1;
            self.count += i64::from(event.notifies);
            if let Some(key) = &event.state_key {
                self.state_seq = self.seq;
                self.state.insert((event.kind.clone(), key.clone()), self.seq);
            }
            (self.seq, self.count)
        };
        part.events.iter().map(number).collect()
    }
}
