//! The rooms that are in memory: loaded when first asked for, kept current by the tail, dropped when nobody asks.

use std::sync::{Arc, atomic::Ordering};

use dashmap::DashMap;
use ruma::RoomVersionId;
use store::{events, receipts, rooms};

use super::room::Room;
use crate::{Chat, Error, Result, sync::hub::Hub, turns::Turns};

/// Events read into a fresh room's ring.
const RECENT: i64 = 128;
/// Rooms that nobody asked for so long are dropped, milliseconds.
const IDLE_MS: i64 = 600_000;

/// The rooms in memory.
#[derive(Default)]
pub(crate) struct Rooms {
    loaded: DashMap<Arc<str>, Arc<Room>>,
    /// One load at a time per room.
    loading: Turns,
}

impl Rooms {
    /// The room if it is in memory.
    pub(crate) fn peek(&self, room_id: &str) -> Option<Arc<Room>> {
        self.loaded.get(room_id).map(|room| room.clone())
    }

    /// Drops all rooms.
    pub(crate) fn clear(&self) {
        self.loaded.clear();
    }

    /// Drops rooms that nobody has asked for.
    pub(crate) fn evict(&self, now: i64) {
        self.loaded
            .retain(|_, room| now - room.used_ts.load(Ordering::Relaxed) < IDLE_MS || Arc::strong_count(room) > 1);
    }
}

impl Chat {
    /// The room, if there is one, with everything in it that was acknowledged before the call.
    pub async fn room(&self, room_id: &str) -> Result<Option<Arc<Room>>> {
        self.fresh().await?;
        self.known_room(room_id).await
    }

    /// The room, if the user is joined to it as far as this node knows, or else as far as any does.
    pub(crate) async fn joined_room(&self, room_id: &str, user_id: &str) -> Result<Option<Arc<Room>>> {
        let joined = |room: &Arc<Room>| room.is_joined(user_id);
        match self.known_room(room_id).await?.filter(joined) {
            Some(room) => Ok(Some(room)),
            None if self.db.is_shared() => Ok(self.room(room_id).await?.filter(joined)),
            None => Ok(None),
        }
    }

    /// The room as this node knows it. Another may know more: what is decided on it is checked again by the commit, or
    /// asked again before it is refused.
    pub(crate) async fn known_room(&self, room_id: &str) -> Result<Option<Arc<Room>>> {
        if let Some(room) = self.rooms.peek(room_id) {
            room.touch(self.env.now());
            return Ok(Some(room));
        }
        let key: Arc<str> = room_id.into();
        let _turn = self.rooms.loading.take(&key).await;
        match self.rooms.peek(room_id) {
            Some(room) => Ok(Some(room)),
            None => load(self, &key).await,
        }
    }
}

async fn load(chat: &Chat, room_id: &Arc<str>) -> Result<Option<Arc<Room>>> {
    let shard = chat.room_shard(room_id);
    loop {
        // What is committed from here on reaches the room through the tail's window, below. In this order: a log that begins
        // anew in between has no window from the old cursor on.
        let cursor = chat.hub.cursor(shard);
        let epoch = chat.hub.epoch(shard);
        let Some(row) = rooms::get(&chat.db, shard, room_id).await? else { return Ok(None) };
        let version = RoomVersionId::try_from(row.version.as_str()).ok();
        let (version, rules) = version
            .and_then(|version| version.rules().map(|rules| (version, rules)))
            .ok_or_else(|| Error::Store(store::Error::Refused(format!("room version {} is not known", row.version))))?;
        let room = Room::new(room_id.clone(), (shard, epoch), version, rules);
        if !fill(chat, &room).await? {
            continue;
        }
        room.touch(chat.env.now());
        let room = Arc::new(room);
        if chat.hub.adopt(shard, cursor, |records| {
            records.iter().for_each(|record| Hub::apply_to_room(&room, record));
            chat.rooms.loaded.insert(room_id.clone(), room.clone());
        }) {
            return Ok(Some(room));
        }
    }
}

/// Says whether the room did not change meanwhile.
async fn fill(chat: &Chat, room: &Room) -> Result<bool> {
    let (db, shard, id) = (&chat.db, room.shard, room.id.as_ref());
    let mut recent = events::before(db, shard, id, i64::MAX, 0, RECENT).await?;
    let state = rooms::current_state(db, shard, id).await?;
    let receipts = receipts::of_room(db, shard, id).await?;
    let mentions = receipts::mentions(db, shard, id).await?;
    recent.reverse();
    let mut inner = room.inner.write();
    if let Some(newest) = recent.last() {
        (inner.seq, inner.count, inner.pos) = (newest.seq, newest.count, newest.pos);
    }
    let head = inner.seq;
    // What it replaced is not there any more.
    if state.iter().any(|event| event.seq > head) {
        return Ok(false);
    }
    inner.ring = recent.into();
    state.into_iter().for_each(|event| inner.set_state(event, &room.rules));
    for (receipt, pos) in receipts {
        inner.count_read(&receipt);
        if receipt.kind.as_ref() == "own" {
            continue;
        }
        inner.receipt_log_from = inner.receipt_log_from.max(pos);
        inner.pos = inner.pos.max(pos);
        let key = (receipt.user_id.clone(), receipt.kind.clone(), receipt.thread.clone());
        inner.receipts.insert(key, super::room::ReadUpTo { receipt, pos });
    }
    for (user_id, seq) in mentions {
        if seq <= head {
            inner.mentions.entry(user_id).or_default().push(seq);
        }
    }
    Ok(true)
}
