//! What a node knows of the logs: takes in each shard's records in order, feeds rooms and users in memory, wakes who waits.
//!
//! Order: a record reaches the rooms and users in memory first, then the cursor moves past it, then waiters are woken.
//! So whoever reads the cursor and then a room sees all that the cursor promises.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use parking_lot::Mutex;
use store::log::{Change, Committed, Head, Record, Segment, Shard};
use tokio::{sync::Notify, time::Instant};

use super::{
    tail::{Arrived, Tail, changed_rooms},
    user::HotUser,
};
use crate::{
    erasure,
    presence::Presence,
    rooms::{Rooms, room::Room},
    sessions,
    turns::Turns,
};

/// Silence for so long is worth a new line in the log.
const COMPLAIN: Duration = Duration::from_secs(60);

/// The tails of all shards and what they feed.
pub struct Hub {
    tails: Vec<Mutex<Tail>>,
    cursors: Vec<AtomicI64>,
    /// The newest position that is known to exist in each shard.
    known: Vec<AtomicI64>,
    /// A shard has records that the node does not have.
    pub(crate) behind: Notify,
    /// A cursor has moved.
    pub(crate) moved: Notify,
    /// When a node of another version last said something.
    unread: Mutex<Option<Instant>>,
    /// What some nodes do is not told over the bus.
    untold: AtomicBool,
    pub(crate) counts: Counts,
    pub(crate) rooms: Arc<Rooms>,
    sessions: Arc<sessions::Cache>,
    pub(crate) erased: erasure::Erased,
    pub(crate) users: DashMap<Arc<str>, Arc<HotUser>>,
    /// The users in memory who are joined to a room.
    pub(super) audience: DashMap<Arc<str>, Vec<Arc<HotUser>>>,
    pub(super) loading: Turns,
    pub(super) presence: Arc<Presence>,
    /// In rooms with more people than this nobody is told who is here.
    pub(super) presence_limit: usize,
}

/// What the tails have done, for metrics.
#[derive(Debug, Default)]
pub struct Counts {
    /// Records that came by themselves but not next in their order: something was lost or overtaken.
    pub out_of_order: AtomicU64,
    /// Records that had to be read from the log.
    pub read: AtomicU64,
    /// Reads of the log.
    pub gap_reads: AtomicU64,
    /// How often everything in memory was dropped: a new epoch, or a log that was cut off.
    pub resets: AtomicU64,
    /// Looks at the heads.
    pub polls: AtomicU64,
    /// When the last one was answered.
    pub looked: Mutex<Option<Instant>>,
    /// Messages of nodes of another version, which this one does not understand.
    pub unread: AtomicU64,
    /// Requests with a token of what the logs do not have.
    pub tokens_ahead: AtomicU64,
}

impl Hub {
    pub(crate) fn new(
        heads: &[Head],
        rooms: Arc<Rooms>,
        sessions: Arc<sessions::Cache>,
        erased: erasure::Erased,
        (presence, presence_limit): (Arc<Presence>, usize),
    ) -> Self {
        Self {
            tails: heads.iter().map(|head| Mutex::new(Tail::new(*head))).collect(),
            cursors: heads.iter().map(|head| AtomicI64::new(head.pos)).collect(),
            known: heads.iter().map(|head| AtomicI64::new(head.pos)).collect(),
            behind: Notify::new(),
            moved: Notify::new(),
            unread: Mutex::default(),
            untold: AtomicBool::new(false),
            counts: Counts::default(),
            rooms,
            sessions,
            erased,
            users: DashMap::new(),
            audience: DashMap::new(),
            loading: Turns::default(),
            presence,
            presence_limit,
        }
    }

    /// The position up to which the node knows the shard's log.
    pub(crate) fn cursor(&self, shard: Shard) -> i64 {
        self.cursors.get(shard as usize).map_or(0, |cursor| cursor.load(Ordering::Acquire))
    }

    /// [`Hub::cursor`] of every shard.
    pub fn cursors(&self) -> Vec<i64> {
        self.cursors.iter().map(|cursor| cursor.load(Ordering::Acquire)).collect()
    }

    /// The shard's epoch.
    pub(crate) fn epoch(&self, shard: Shard) -> i64 {
        self.tails.get(shard as usize).map_or(0, |tail| tail.lock().epoch)
    }

    /// The newest position that is known to exist in the shard.
    pub(crate) fn known(&self, shard: Shard) -> i64 {
        self.known.get(shard as usize).map_or(0, |known| known.load(Ordering::Acquire))
    }

    /// [`Hub::known`] of every shard.
    pub(crate) fn all_known(&self) -> Vec<i64> {
        self.known.iter().map(|known| known.load(Ordering::Acquire)).collect()
    }

    /// By how many commits the node is behind what it knows to exist, by shard.
    pub fn lags(&self) -> Vec<i64> {
        let lag =
            |(known, cursor): (&AtomicI64, &AtomicI64)| known.load(Ordering::Acquire) - cursor.load(Ordering::Acquire);
        self.known.iter().zip(&self.cursors).map(lag).map(|lag| lag.max(0)).collect()
    }

    /// The shards whose cursor has yet to reach what is known to exist.
    pub(crate) fn shards_behind(&self) -> Vec<Shard> {
        let lags = self.lags().into_iter().enumerate();
        lags.filter(|(_, lag)| *lag > 0).map(|(shard, _)| shard as Shard).collect()
    }

    /// Positions exist in the shards, up to these.
    pub(crate) fn learn(&self, heads: &[i64]) {
        let mut news = false;
        for ((known, cursor), head) in self.known.iter().zip(&self.cursors).zip(heads) {
            known.fetch_max(*head, Ordering::AcqRel);
            news |= cursor.load(Ordering::Acquire) < *head;
        }
        if news {
            self.behind.notify_one();
        }
    }

    /// [`Hub::learn`] from whoever tells of commits. Positions of another epoch mean nothing here.
    fn learn_told(&self, heads: &[Head]) {
        let here = |(tail, head): (&Mutex<Tail>, &Head)| if tail.lock().epoch == head.epoch { head.pos } else { 0 };
        self.learn(&self.tails.iter().zip(heads).map(here).collect::<Vec<_>>());
    }

    /// The ends of all logs as the database has them: [`Hub::learn`], and whether the node still follows the same logs.
    ///
    /// `known` is what [`Hub::all_known`] was before the database was asked. Says which shard it has less of than that, if
    /// there is one, and what it has: it was put back, or has lost commits.
    pub(crate) fn learn_heads(&self, heads: &[Head], known: &[i64]) -> Option<(Shard, Head)> {
        let mut denied = None;
        for (shard, head) in heads.iter().enumerate() {
            let Some(epoch) = self.tails.get(shard).map(|tail| tail.lock().epoch) else { continue };
            // An answer of before the last epoch may come after one of this epoch.
            if epoch < head.epoch {
                self.reset(shard as Shard, *head);
            } else if epoch == head.epoch && known.get(shard).is_some_and(|known| head.pos < *known) {
                denied = Some((shard as Shard, *head));
            }
        }
        self.learn(&heads.iter().map(|head| head.pos).collect::<Vec<_>>());
        denied
    }

    /// Records of the shard exist up to a position, which did not come along.
    pub(crate) fn learn_of(&self, shard: Shard, head: Head) {
        if self.epoch(shard) != head.epoch {
            return self.behind.notify_one();
        }
        let mut heads = self.cursors();
        if let Some(known) = heads.get_mut(shard as usize) {
            *known = (*known).max(head.pos);
        }
        self.learn(&heads);
    }

    /// A node of another version said something that may have been a hint: what it did is in the log.
    pub(crate) fn unread(&self) {
        self.counts.unread.fetch_add(1, Ordering::Relaxed);
        let before = self.unread.lock().replace(Instant::now());
        if before.is_none_or(|before| before.elapsed() > COMPLAIN) {
            tracing::warn!(
                name: "tail.unread",
                "a node of another version says what this one does not understand: the log is read instead"
            );
        }
        self.behind.notify_one();
    }

    /// What some nodes do is not told over the bus.
    pub(crate) fn set_untold(&self, untold: bool) {
        // From now on the heads are looked at more often, or less.
        if self.untold.swap(untold, Ordering::Relaxed) != untold {
            self.behind.notify_one();
        }
    }

    /// What was last said by [`Hub::set_untold`].
    pub(super) fn has_untold(&self) -> bool {
        self.untold.load(Ordering::Relaxed)
    }

    /// Whether [`Hub::unread`] was called within so long.
    pub(super) fn was_unread(&self, within: Duration) -> bool {
        self.unread.lock().is_some_and(|last| last.elapsed() < within)
    }

    /// Takes in records that were committed by this node, told by another, or read from the log: in the order of each
    /// shard's log, each once, whatever order they come in.
    pub(crate) fn offer(&self, committed: &Committed) {
        // Before anybody sees the records: who does must know how far the other shards had come.
        self.learn_told(&committed.heads);
        let mut woken: Vec<Arc<HotUser>> = Vec::new();
        for segment in &committed.segments {
            if let Some(tail) = self.tails.get(segment.shard as usize) {
                self.append(segment, tail, &mut woken);
            }
        }
        woken.sort_unstable_by_key(|user| Arc::as_ptr(user).addr());
        woken.dedup_by(|a, b| Arc::ptr_eq(a, b));
        woken.iter().for_each(|user| user.wake());
        self.moved.notify_waiters();
    }

    fn append(&self, segment: &Segment, tail: &Mutex<Tail>, woken: &mut Vec<Arc<HotUser>>) {
        let mut tail = tail.lock();
        if segment.epoch != tail.epoch {
            // Of another history: the next look at the heads tells which one counts.
            return self.behind.notify_one();
        }
        for record in &segment.records {
            match tail.arrived(record) {
                Arrived::Next => self.take(&mut tail, record, woken),
                Arrived::Early => drop(self.counts.out_of_order.fetch_add(1, Ordering::Relaxed)),
                Arrived::Known => {}
            }
        }
        while let Some(record) = tail.next_early() {
            self.take(&mut tail, &record, woken);
        }
        if tail.has_gap() {
            let pos = segment.records.last().map_or(0, |record| record.pos);
            self.known[segment.shard as usize].fetch_max(pos, Ordering::AcqRel);
            self.behind.notify_one();
        }
    }

    /// The record that follows the cursor.
    fn take(&self, tail: &mut Tail, record: &Arc<Record>, woken: &mut Vec<Arc<HotUser>>) {
        let mut changed: Vec<Arc<str>> = Vec::new();
        changed_rooms(record, &mut changed);
        for room_id in &changed {
            if let Some(room) = self.rooms.peek(room_id) {
                Self::apply_to_room(&room, record);
            }
            if let Some(audience) = self.audience.get(room_id) {
                for user in audience.iter() {
                    user.inner.lock().touch(room_id, (record.shard, record.pos));
                    woken.push(user.clone());
                }
            }
        }
        for change in &record.changes {
            match change {
                Change::DeviceGone { user_id, device_id } => self.sessions.forget_device(user_id, device_id),
                Change::OthersGone { user_id, device_id } => self.sessions.forget_all_but(user_id, device_id),
                Change::TokenGone { token_hash, .. } => self.sessions.forget_hex(token_hash),
                Change::Erased { user_id, ts } => self.erased.insert(user_id, *ts),
                _ => {}
            }
        }
        self.apply_to_users(record, woken);
        tail.push(record.clone(), &changed);
        self.known[record.shard as usize].fetch_max(record.pos, Ordering::AcqRel);
        self.cursors[record.shard as usize].store(record.pos, Ordering::Release);
    }

    /// The log goes on at `head` with nothing known of what came before: everything in memory is read anew, and
    /// whoever follows a user has to begin again from a token.
    pub(crate) fn reset(&self, shard: Shard, head: Head) {
        let Some(tail) = self.tails.get(shard as usize) else { return };
        let mut tail = tail.lock();
        // Somebody else was here before, and it has gone on since.
        if (head.epoch, head.pos) <= (tail.epoch, self.cursor(shard)) {
            return;
        }
        self.counts.resets.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(name: "tail.reset", shard, epoch = head.epoch, pos = head.pos, "the log begins anew here");
        *tail = Tail::new(head);
        self.rooms.clear();
        self.sessions.clear();
        self.audience.clear();
        let users: Vec<_> = self.users.iter().map(|user| user.clone()).collect();
        self.users.clear();
        for user in &users {
            user.inner.lock().retired = true;
        }
        // Last: who sees the new cursor must find nothing that was in memory before.
        self.known[shard as usize].store(head.pos, Ordering::Release);
        self.cursors[shard as usize].store(head.pos, Ordering::Release);
        drop(tail);
        users.iter().for_each(|user| user.wake());
        self.moved.notify_waiters();
        // What is read once and then kept up by the log has to be read anew.
        self.behind.notify_one();
    }

    /// Completes when every shard's cursor has reached its position.
    pub(crate) async fn all_reached(&self, positions: &[i64]) {
        for (shard, pos) in positions.iter().enumerate().take(self.cursors.len()) {
            self.reached(shard as Shard, *pos).await;
        }
    }

    /// Completes when the cursor has reached the position.
    pub(crate) async fn reached(&self, shard: Shard, pos: i64) {
        loop {
            let mut moved = std::pin::pin!(self.moved.notified());
            moved.as_mut().enable();
            if self.cursor(shard) >= pos {
                return;
            }
            moved.await;
        }
    }

    pub(crate) fn apply_to_room(room: &Room, record: &Record) {
        for event in record.events.iter().filter(|event| event.room_id == room.id) {
            room.apply_event(event);
        }
        for change in record.changes.iter().filter(|change| change.room_id() == Some(&room.id)) {
            room.apply_change(record.pos, change);
        }
    }

    /// Runs `adopt` with the records of the shard after `cursor` while no new one can arrive, unless they are not all
    /// in the window any more.
    pub(crate) fn adopt(&self, shard: Shard, cursor: i64, adopt: impl FnOnce(&[Arc<Record>])) -> bool {
        let Some(tail) = self.tails.get(shard as usize) else { return false };
        let tail = tail.lock();
        let Some(records) = tail.since(cursor) else { return false };
        adopt(&records);
        true
    }

    /// [`Hub::adopt`] over all shards at once.
    pub(super) fn adopt_all(&self, cursors: &[i64], adopt: impl FnOnce(&[Arc<Record>])) -> bool {
        let tails: Vec<_> = self.tails.iter().map(Mutex::lock).collect();
        let records: Option<Vec<_>> = tails.iter().zip(cursors).map(|(tail, cursor)| tail.since(*cursor)).collect();
        let Some(records) = records else { return false };
        adopt(&records.concat());
        true
    }

    /// Of `rooms` in the shard, those that changed after `pos`; nothing if that is before the window.
    pub(crate) fn changed_since<'a>(
        &self,
        shard: Shard,
        pos: i64,
        rooms: impl Iterator<Item = &'a Arc<str>>,
    ) -> Option<Vec<Arc<str>>> {
        self.tails.get(shard as usize)?.lock().changed_since(pos, rooms)
    }
}
