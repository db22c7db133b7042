//! What nodes tell each other over the bus, as bytes. A message that this version does not understand is passed over:
//! the bus carries nothing that is not to be had elsewhere.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::log::{Change, Committed, Event, Head, Record, Segment, Shard};

use super::interner::Interner;
use crate::presence;

/// The first byte of every message: what follows is of this version.
const VERSION: u8 = 3;
/// What a hint carries at most, bytes, about: of other commits it tells the position alone.
const MAX_PAYLOAD: usize = 256 * 1024;

/// A message of another node.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message<'a> {
    /// Commits.
    #[serde(borrow)]
    Hint(Hint<'a>),
    /// Somebody types, for so many milliseconds from now, or has stopped (0).
    Typing {
        /// The room.
        room_id: &'a str,
        /// Who.
        user_id: &'a str,
        /// How long.
        for_ms: i64,
    },
    /// Somebody's presence at the node has changed.
    Presence {
        /// The node.
        node_id: &'a str,
        /// Who, and how present.
        entry: presence::Shared,
    },
    /// What was taken from the buckets of rate limits since the last message: the limit, the key, how much.
    Taken(Vec<(u8, u64, u32)>),
    /// The node is here, and reaches the bus.
    Here {
        /// The node.
        node_id: &'a str,
    },
}

/// A batch of commits, as far as they fit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hint<'a> {
    heads: Vec<Head>,
    #[serde(borrow)]
    segments: Vec<WireSegment<'a>>,
}

/// Those of one shard.
#[derive(Debug, Serialize, Deserialize)]
struct WireSegment<'a> {
    shard: Shard,
    epoch: i64,
    /// The position of the last one.
    pos: i64,
    /// None where they do not fit.
    #[serde(borrow)]
    records: Vec<WireRecord<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireRecord<'a> {
    pos: i64,
    #[serde(borrow)]
    events: Vec<WireEvent<'a>>,
    /// JSON, as in the log; empty for none.
    changes: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireEvent<'a> {
    room_id: &'a str,
    seq: i64,
    event_id: &'a str,
    kind: &'a str,
    state_key: Option<&'a str>,
    sender: &'a str,
    txn: Option<(&'a str, &'a str)>,
    count: i64,
    ts: i64,
    json: &'a str,
}

impl Message<'_> {
    /// The message as bytes; nothing if it cannot be written.
    pub(crate) fn encode(&self) -> Option<Bytes> {
        postcard::to_extend(self, vec![VERSION]).ok().map(Bytes::from)
    }

    /// Reads a message; nothing if it is of another version, or none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Message<'_>> {
        let (version, rest) = bytes.split_first()?;
        if *version == VERSION { postcard::from_bytes(rest).ok() } else { None }
    }
}

/// Commits of this node, for the others.
pub(crate) fn hint(committed: &Committed) -> Option<Bytes> {
    let mut room = MAX_PAYLOAD;
    let segments = committed.segments.iter().map(|Segment { shard, epoch, records }| {
        let left = room.checked_sub(records.iter().map(|record| record.size()).sum());
        room = left.unwrap_or(room);
        let told = if left.is_some() { records.as_slice() } else { &[] };
        let told: Option<Vec<_>> = told.iter().map(|record| write_record(record)).collect();
        Some(WireSegment { shard: *shard, epoch: *epoch, pos: records.last()?.pos, records: told? })
    });
    let segments: Option<Vec<_>> = segments.collect();
    Message::Hint(Hint { heads: committed.heads.clone(), segments: segments? }).encode()
}

impl Hint<'_> {
    /// The commits that came along, and the last position of each shard whose commits did not.
    pub(crate) fn read(self, interner: &mut Interner) -> Option<(Committed, Vec<(Shard, Head)>)> {
        let (mut segments, mut told) = (Vec::with_capacity(self.segments.len()), Vec::new());
        for WireSegment { shard, epoch, pos, records } in self.segments {
            if records.is_empty() {
                told.push((shard, Head { epoch, pos }));
                continue;
            }
            let mut read = Vec::with_capacity(records.len());
            for record in records {
                read.push(read_record(shard, record, interner)?);
            }
            segments.push(Segment { shard, epoch, records: read });
        }
        Some((Committed { segments, heads: self.heads }, told))
    }
}

fn write_record(record: &Record) -> Option<WireRecord<'_>> {
    let changes = match record.changes.is_empty() {
        true => String::new(),
        false => serde_json::to_string(&record.changes).ok()?,
    };
    let events = record.events.iter().map(|event| WireEvent {
        room_id: &event.room_id,
        seq: event.seq,
        event_id: &event.event_id,
        kind: &event.kind,
        state_key: event.state_key.as_deref(),
        sender: &event.sender,
        txn: event.txn.as_ref().map(|(device, txn)| (device.as_ref(), txn.as_ref())),
        count: event.count,
        ts: event.ts,
        json: event.json.get(),
    });
    Some(WireRecord { pos: record.pos, events: events.collect(), changes })
}

fn read_record(shard: Shard, record: WireRecord<'_>, interner: &mut Interner) -> Option<Arc<Record>> {
    let WireRecord { pos, events, changes } = record;
    let changes: Vec<Change> = if changes.is_empty() { Vec::new() } else { serde_json::from_str(&changes).ok()? };
    let mut read = Vec::with_capacity(events.len());
    for event in events {
        read.push(Arc::new(Event {
            room_id: interner.get(event.room_id),
            seq: event.seq,
            pos,
            event_id: event.event_id.into(),
            kind: interner.get(event.kind),
            state_key: event.state_key.map(Into::into),
            sender: interner.get(event.sender),
            txn: event.txn.map(|(device, txn)| (interner.get(device), txn.into())),
            count: event.count,
            ts: event.ts,
            json: RawValue::from_string(event.json.to_owned()).ok()?.into(),
        }));
    }
    Some(Arc::new(Record { shard, pos, events: read, changes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> Vec<Head> {
        [1, 2, 6].map(|pos| Head { epoch: 4, pos }).into()
    }

    fn committed(json: &str) -> Committed {
        let event = Event {
            room_id: "!room".into(),
            seq: 3,
            pos: 7,
            event_id: "$a".into(),
            kind: "m.room.topic".into(),
            state_key: Some("".into()),
            sender: "@a:b".into(),
            txn: Some(("DEVICE".into(), "txn".into())),
            count: 2,
            ts: 5,
            json: RawValue::from_string(json.to_owned()).unwrap().into(),
        };
        let changes = vec![Change::Forgotten { user_id: "@a:b".into(), room_id: "!room".into() }];
        let record = Record { shard: 2, pos: 7, events: vec![Arc::new(event)], changes };
        let small = Record { shard: 0, pos: 3, events: Vec::new(), changes: record.changes.clone() };
        let segments =
            [record, small].map(|record| Segment { shard: record.shard, epoch: 4, records: vec![Arc::new(record)] });
        Committed { segments: segments.into(), heads: heads() }
    }

    #[test]
    fn a_hint_arrives_as_it_was_sent() {
        let sent = committed(r#"{"content":{"topic":"\u00e9 \"tea\""}}"#);
        let bytes = hint(&sent).unwrap();
        let Some(Message::Hint(read)) = Message::decode(&bytes) else { panic!("no hint") };
        let (read, told) = read.read(&mut Interner::default()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{sent:?}"));
        assert!(told.is_empty());
    }

    #[test]
    fn a_large_commit_is_told_by_its_position() {
        let sent = committed(&format!("\"{}\"", "x".repeat(MAX_PAYLOAD)));
        let bytes = hint(&sent).unwrap();
        assert!(bytes.len() < 200);
        let Some(Message::Hint(read)) = Message::decode(&bytes) else { panic!("no hint") };
        let (read, told) = read.read(&mut Interner::default()).unwrap();
        assert_eq!(told, [(2, Head { epoch: 4, pos: 7 })]);
        assert_eq!((read.segments.len(), read.segments[0].shard, read.heads), (1, 0, heads()));
    }

    #[test]
    fn what_is_no_message_is_passed_over() {
        let bytes = hint(&committed("{}")).unwrap();
        for length in 0..bytes.len() {
            assert!(Message::decode(&bytes[..length]).is_none());
        }
        let mut other = bytes.to_vec();
        other[0] = VERSION + 1;
        assert!(Message::decode(&other).is_none());
    }
}
