//! The log's vocabulary: what a command asks to append, and the record that everyone reads.
//!
//! **Invariant 1**: commit p+1 of a shard cannot exist before commit p is committed. Positions are given out under the
//! shard's lock, in the transaction that inserts the row, so a reader that saw p has seen everything up to p.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{db::Stmt, value::Value};

/// A transaction id counts on the day it was used and on the next.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The number of a shard.
pub type Shard = i64;

/// The shard that a room or a user lives in, among `shards`: FNV-1a of the id. Never changes once a store is made.
pub fn shard_of(id: &str, shards: usize) -> Shard {
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    // The low bits of FNV depend on the low bits of the input only.
    ((hash ^ (hash >> 32)) % shards.max(1) as u64) as Shard
}

/// An event of a room as it is stored. `json` is what clients get, byte for byte.
#[derive(Debug, Clone)]
pub struct Event {
    /// The room.
    pub room_id: Arc<str>,
    /// Its number in the room: 1 for the create event, without gaps.
    pub seq: i64,
    /// The commit's position in the shard's log.
    pub pos: i64,
    /// Its id.
    pub event_id: Arc<str>,
    /// Its type, such as `m.room.message`.
    pub kind: Arc<str>,
    /// Its state key, if it is a state event.
    pub state_key: Option<Arc<str>>,
    /// Who sent it.
    pub sender: Arc<str>,
    /// The device and transaction id it was sent with.
    pub txn: Option<(Arc<str>, Arc<str>)>,
    /// How many notifying events the room has up to and including this one.
    pub count: i64,
    /// `origin_server_ts`, milliseconds.
    pub ts: i64,
    /// The event in the format of the Client-Server API.
    pub json: Arc<RawValue>,
}

/// An event to append. Its numbers are given out by the commit.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its id.
    pub event_id: Arc<str>,
    /// Its type.
    pub kind: Arc<str>,
    /// Its state key, if it is a state event.
    pub state_key: Option<Arc<str>>,
    /// Who sends it.
    pub sender: Arc<str>,
    /// The device and transaction id it is sent with.
    pub txn: Option<(Arc<str>, Arc<str>)>,
    /// Whether it raises the others' unread count.
    pub notifies: bool,
    /// `origin_server_ts`, milliseconds.
    pub ts: i64,
    /// The event in the format of the Client-Server API.
    pub json: Arc<RawValue>,
}

/// "The current state event under this key has this number" (0: there is none). What a command was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The state event's type.
    pub kind: Arc<str>,
    /// Its state key.
    pub state_key: Arc<str>,
    /// Its number in the room.
    pub seq: i64,
}

/// Makes a command idempotent: a second commit under the same key changes nothing and answers with the first's event.
#[derive(Debug, Clone)]
pub struct TxnKey {
    /// The user.
    pub user_id: Arc<str>,
    /// The user's device.
    pub device_id: Arc<str>,
    /// The endpoint (and room) that the id counts for.
    pub scope: String,
    /// The client's transaction id.
    pub txn_id: Arc<str>,
}

impl TxnKey {
    /// What it is stored as: the keys are kept for days, and are longer than what they stand for.
    pub(crate) fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        for part in [&self.device_id, self.scope.as_str(), &self.txn_id] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        digest
    }
}

/// The part of a commit that concerns a room.
#[derive(Debug, Clone, Default)]
pub struct RoomPart {
    /// The room.
    pub room_id: Arc<str>,
    /// Set if the commit creates the room: its version and its creator.
    pub create: Option<(String, String)>,
    /// What the command was decided on.
    pub guards: Vec<Guard>,
    /// The number of the newest event that the decision knew. The guards hold unasked if no state is newer.
    pub decided_at: i64,
    /// The shard's epoch when the decision was made; 0 where that is of no account. In another one the guards count for
    /// nothing: their numbers may be those of events that are gone.
    pub epoch: i64,
    /// The events, in order.
    pub events: Vec<NewEvent>,
}

/// What a command asks to append to a shard's log. All or nothing.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The shard.
    pub shard: Shard,
    /// Milliseconds.
    pub ts: i64,
    /// The client's transaction id, if the command has one.
    pub txn: Option<TxnKey>,
    /// The room's part.
    pub room: Option<RoomPart>,
    /// What else the tails must hear of.
    pub changes: Vec<Change>,
    /// Receipts that move with it.
    pub receipts: Vec<NewReceipt>,
    /// Who is mentioned in its events.
    pub mentions: Vec<Mention>,
    /// Other projections that change with it.
    pub writes: Vec<Stmt>,
}

impl Commit {
    /// Whether one of its texts has a NUL character. JSON cannot: there it is escaped.
    pub(crate) fn is_unstorable(&self) -> bool {
        let events = self.room.iter().flat_map(|room| &room.events).flat_map(|event| {
            let txn = event.txn.iter().flat_map(|(device_id, txn_id)| [device_id, txn_id]);
            [&event.kind, &event.sender].into_iter().chain(&event.state_key).chain(txn)
        });
        let mentioned = self.mentions.iter().map(|mention| &mention.user_id);
        events.chain(mentioned).any(|text| text.contains('\0'))
            || self.writes.iter().flat_map(|statement| &statement.params).any(Value::is_unstorable)
    }
}

/// A receipt to set, unless a later event has one already.
#[derive(Debug, Clone)]
pub enum NewReceipt {
    /// For an event of the log.
    Read(Receipt),
    /// The sender of the commit's n-th event has read up to it.
    Own {
        /// Who.
        user_id: Arc<str>,
        /// Which of the commit's events, counted from 0.
        n: usize,
    },
}

/// The commit's n-th event mentions somebody. `@room` stands for everyone.
#[derive(Debug, Clone)]
pub struct Mention {
    /// Who.
    pub user_id: Arc<str>,
    /// Which of the commit's events, counted from 0.
    pub n: usize,
}

/// A change that is no event. Those that concern a user belong in the user's shard.
///
/// Written with the variant outside: an inner tag is read by way of a buffer, which raw JSON does not survive.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// An earlier event's content was removed, or its copy of such content; `json` is what is left.
    Redacted {
        /// The room.
        room_id: Arc<str>,
        /// The redacted event's number.
        seq: i64,
        /// The redacted event.
        json: Arc<RawValue>,
    },
    /// A receipt moved.
    Receipt(Receipt),
    /// A user's account data was set.
    AccountData {
        /// The user.
        user_id: Arc<str>,
        /// The room, or empty for global account data.
        room_id: Arc<str>,
        /// The event type.
        kind: Arc<str>,
        /// The content.
        json: Arc<RawValue>,
    },
    /// A message waits for a device.
    ToDevice {
        /// The user.
        user_id: Arc<str>,
        /// The user's device.
        device_id: Arc<str>,
    },
    /// The user forgot a room left before.
    Forgotten {
        /// The user.
        user_id: Arc<str>,
        /// The room.
        room_id: Arc<str>,
    },
    /// A device's access tokens are gone, with the device or because it was signed in on again.
    DeviceGone {
        /// The user.
        user_id: Arc<str>,
        /// The device.
        device_id: Arc<str>,
    },
    /// All of a user's devices are gone but one (no device has an empty id).
    OthersGone {
        /// The user.
        user_id: Arc<str>,
        /// The one that stays.
        device_id: Arc<str>,
    },
    /// An access token was replaced by a refreshed one.
    TokenGone {
        /// The user.
        user_id: Arc<str>,
        /// The SHA-256 of the token, in hexadecimal digits.
        token_hash: String,
    },
    /// Everything that a user, now gone, has said was erased.
    Erased {
        /// The user.
        user_id: Arc<str>,
        /// When, milliseconds.
        ts: i64,
    },
}

impl Change {
    /// Bytes that it takes, about.
    pub(crate) fn size(&self) -> usize {
        let json = match self {
            Self::Redacted { json, .. } | Self::AccountData { json, .. } => json.get().len(),
            _ => 0,
        };
        json + 256
    }

    /// The room that it changes for its members.
    pub fn room_id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Redacted { room_id, .. } => Some(room_id),
            Self::Receipt(receipt) => Some(&receipt.room_id),
            Self::AccountData { .. }
            | Self::ToDevice { .. }
            | Self::Forgotten { .. }
            | Self::DeviceGone { .. }
            | Self::OthersGone { .. }
            | Self::TokenGone { .. }
            | Self::Erased { .. } => None,
        }
    }

    /// The user whom alone it concerns.
    pub fn user_id(&self) -> Option<&Arc<str>> {
        match self {
            Self::AccountData { user_id, .. }
            | Self::ToDevice { user_id, .. }
            | Self::Forgotten { user_id, .. }
            | Self::DeviceGone { user_id, .. }
            | Self::OthersGone { user_id, .. }
            | Self::TokenGone { user_id, .. }
            | Self::Erased { user_id, .. } => Some(user_id),
            Self::Redacted { .. } | Self::Receipt(_) => None,
        }
    }
}

/// How far somebody has read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    /// The room.
    pub room_id: Arc<str>,
    /// Who has read.
    pub user_id: Arc<str>,
    /// `m.read`, `m.read.private`, or `own` for what follows from having sent the event.
    pub kind: Arc<str>,
    /// The thread: a root's event id, `main`, or empty for none.
    pub thread: Arc<str>,
    /// Up to which event.
    pub event_id: Arc<str>,
    /// That event's number.
    pub seq: i64,
    /// That event's [`Event::count`].
    pub count: i64,
    /// When, milliseconds.
    pub ts: i64,
}

/// One commit as its readers see it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The shard.
    pub shard: Shard,
    /// The position in the shard's log.
    pub pos: i64,
    /// The events, numbered.
    pub events: Vec<Arc<Event>>,
    /// The other changes.
    pub changes: Vec<Change>,
}

impl Record {
    /// Bytes that it takes, about.
    pub fn size(&self) -> usize {
        let events = self.events.iter().map(|event| event.json.get().len() + 256);
        events.chain(self.changes.iter().map(Change::size)).sum::<usize>() + 64
    }
}

/// What a follower is told of.
#[derive(Debug, Clone)]
pub struct Committed {
    /// What was appended, each shard once.
    pub segments: Vec<Segment>,
    /// The head of every shard, by shard, at a moment before these were committed: what they may refer to. Empty where
    /// there is one shard only.
    pub heads: Vec<Head>,
}

/// Records that follow each other in the log of one shard; at least one.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The shard.
    pub shard: Shard,
    /// Its epoch.
    pub epoch: i64,
    /// The records.
    pub records: Vec<Arc<Record>>,
}

/// The end of a shard's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Raised when the log was cut off somewhere (a restore, a failover): earlier positions mean nothing any more.
    pub epoch: i64,
    /// The position of the newest commit.
    pub pos: i64,
}

/// What became of a commit.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It is on disk.
    Committed(Arc<Record>),
    /// An earlier one under the same transaction id is; nothing was changed. Its event's id.
    Duplicate {
        /// The id of the event that the first commit made, empty if it made none.
        event_id: String,
    },
}
