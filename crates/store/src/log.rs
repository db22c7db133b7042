//! The log's vocabulary: what a command asks to append, and the record that everyone reads.
//!
//! **Invariant 1**: commit p+1 of a shard cannot exist before commit p is committed. Positions are given out under the
//! shard's lock, in the transaction that inserts the row, so a reader that saw p has seen everything up to p.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::db::Stmt;

/// A transaction id counts on the day it was used and on the next.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The number of a shard.
pub type Shard = i64;

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
    /// Projections that change with it.
    pub writes: Vec<Stmt>,
}

/// A change that is no event. Those that concern a user belong in the user's shard.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
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
}

impl Change {
    /// The room that it changes for its members.
    pub fn room_id(&self) -> Option<&Arc<str>> {
        match self {
            Self::Redacted { room_id, .. } => Some(room_id),
            Self::Receipt(receipt) => Some(&receipt.room_id),
            Self::AccountData { .. } | Self::ToDevice { .. } | Self::Forgotten { .. } | Self::DeviceGone { .. } => None,
        }
    }

    /// The user whom alone it concerns.
    pub fn user_id(&self) -> Option<&Arc<str>> {
        match self {
            Self::AccountData { user_id, .. }
            | Self::ToDevice { user_id, .. }
            | Self::Forgotten { user_id, .. }
            | Self::DeviceGone { user_id, .. } => Some(user_id),
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
