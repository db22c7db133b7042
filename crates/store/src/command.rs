//! What shards are asked to do, and what they answer: the vocabulary between the batchers and whatever appends a batch.

use std::sync::Arc;

use crate::{
    db::Stmt,
    error::{Error, Result},
    log::{Change, Commit, Committed, Event, NewEvent, Outcome, Record, Segment, Shard},
    value::Value,
};

/// What somebody asks a shard to do.
pub(crate) enum Command {
    Write(Vec<Stmt>),
    Commit(Box<Commit>),
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Answer {
    Write(Vec<usize>),
    Commit(Outcome),
}

/// Which command it is, also when it is sent again: the user (empty for a key of the node's own), and a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) user_id: Arc<str>,
    pub(crate) key: [u8; 16],
}

/// What a command came to in the batch.
#[derive(Debug)]
pub(crate) enum Fate {
    /// It was done now.
    Done(Answer),
    /// It had been done before, in the commit at this position (0 for a write), and was answered this.
    Before { pos: i64, answer: String },
    /// It was refused.
    Refused(Error),
}

/// A command on its way to the shard that it is for.
pub(crate) struct Order<'a> {
    pub(crate) shard: Shard,
    pub(crate) command: &'a Command,
    pub(crate) key: &'a Key,
}

/// The answer to a batch.
pub(crate) struct Reply {
    /// Of each command.
    pub(crate) fates: Vec<Fate>,
    /// What was appended, and after which heads.
    pub(crate) committed: Committed,
}

impl Command {
    pub(crate) fn writes(&self) -> &[Stmt] {
        match self {
            Self::Write(statements) => statements,
            Self::Commit(commit) => &commit.writes,
        }
    }

    pub(crate) fn commit(&self) -> Option<&Commit> {
        match self {
            Self::Write(_) => None,
            Self::Commit(commit) => Some(commit),
        }
    }

    pub(crate) fn events(&self) -> &[NewEvent] {
        self.commit().and_then(|commit| commit.room.as_ref()).map_or(&[], |room| &room.events)
    }

    /// Whether one of its statements has to change a certain number of rows.
    pub(crate) fn expects(&self) -> bool {
        self.writes().iter().any(|write| write.expect.is_some())
    }

    /// Bytes that it takes, about.
    pub(crate) fn size(&self) -> usize {
        let text = |value: &Value| if let Value::Text(text) = value { text.len() } else { 16 };
        let writes: usize = self.writes().iter().flat_map(|write| &write.params).map(text).sum();
        let changes: usize = self.commit().into_iter().flat_map(|commit| &commit.changes).map(Change::size).sum();
        writes + changes + self.events().iter().map(|event| event.json.get().len() + 256).sum::<usize>() + 256
    }
}

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may or may not have been committed: send it again.
    Unknown(String),
    /// The batch was refused; nothing of it was done. With the index of the command that it failed on, if that is known.
    Refused(Error, Option<usize>),
}

/// What appends batches to logs: the database, or a model of it.
pub(crate) trait Append: Send + Sync + 'static {
    /// Appends a batch to the logs of its shards, each command once however often it is sent under its key. The commands
    /// of a shard follow each other in the batch.
    fn append(&mut self, batch: &[Order<'_>]) -> impl Future<Output = Result<Reply, Failure>> + Send;

    /// The record at a position.
    fn record(&self, shard: Shard, pos: i64) -> impl Future<Output = Result<Option<Record>>> + Send;
}

/// Puts together what was appended in a batch, shard after shard.
pub(crate) fn push_record(segments: &mut Vec<Segment>, epoch: i64, record: Arc<Record>) {
    match segments.last_mut() {
        Some(last) if last.shard == record.shard => last.records.push(record),
        _ => segments.push(Segment { shard: record.shard, epoch, records: vec![record] }),
    }
}

/// A commit as its readers see it, at its position; `numbers` has each event's number in the room, and how many notify
/// up to it.
pub(crate) fn record(pos: i64, commit: &Commit, numbers: impl Iterator<Item = Option<(i64, i64)>>) -> Record {
    let events = commit.room.iter().flat_map(|room| room.events.iter().map(move |event| (room, event)));
    let events = events.zip(numbers).filter_map(|((room, new), numbers)| {
        let (seq, count) = numbers?;
        Some(Arc::new(Event {
            room_id: room.room_id.clone(),
            seq,
            pos,
            event_id: new.event_id.clone(),
            kind: new.kind.clone(),
            state_key: new.state_key.clone(),
            sender: new.sender.clone(),
            txn: new.txn.clone(),
            count,
            ts: new.ts,
            json: new.json.clone(),
        }))
    });
    Record { shard: commit.shard, pos, events: events.collect(), changes: commit.changes.clone() }
}
