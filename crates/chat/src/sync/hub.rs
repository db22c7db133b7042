//! The tail: follows each shard's log once for the whole node, keeps the recent window, feeds rooms and users in memory,
//! wakes who waits.
//!
//! Order: a record reaches the rooms and users in memory first, then the cursor moves past it, then waiters are woken.
//! So whoever reads the cursor and then a room sees all that the cursor promises.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use dashmap::DashMap;
use parking_lot::Mutex;
use store::{
    account_data,
    log::{Change, Event, Record, Shard},
    to_device, user_rooms,
};

use super::user::{AccountData, HotUser, Tie, UserGuard};
use crate::{
    Chat, Result,
    rooms::{
        Rooms,
        room::{Room, membership_of},
    },
    turns::Turns,
};

/// Records kept per shard.
const WINDOW: usize = 16_384;
/// A user that nobody used so long leaves the memory, milliseconds: more than a long-poll client pauses between two
/// requests. Until then every message in the user's rooms costs a touch.
const IDLE_MS: i64 = 60_000;

/// The tails of all shards and what they feed.
pub struct Hub {
    tails: Vec<Mutex<Tail>>,
    cursors: Vec<AtomicI64>,
    pub(crate) users: DashMap<Arc<str>, Arc<HotUser>>,
    /// The users in memory who are joined to a room.
    audience: DashMap<Arc<str>, Vec<Arc<HotUser>>>,
    loading: Turns,
    /// In rooms with more people than this nobody is told who is here.
    presence_limit: usize,
}

/// The recent end of a shard's log.
struct Tail {
    window: VecDeque<Arc<Record>>,
    /// The last change in the window of each room in it.
    rooms: HashMap<Arc<str>, i64>,
    /// Records after this position are in the window.
    from: i64,
}

impl Hub {
    pub(crate) fn new(heads: &[i64], presence_limit: usize) -> Self {
        let tail = |head: &i64| Mutex::new(Tail { window: VecDeque::new(), rooms: HashMap::new(), from: *head });
        Self {
            tails: heads.iter().map(tail).collect(),
            cursors: heads.iter().map(|head| AtomicI64::new(*head)).collect(),
            users: DashMap::new(),
            audience: DashMap::new(),
            loading: Turns::default(),
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

    /// Takes in new records of one shard, in order. Called by the store.
    pub(crate) fn follow(&self, rooms: &Rooms, records: &[Arc<Record>]) {
        let mut woken: Vec<Arc<HotUser>> = Vec::new();
        let mut changed: Vec<Arc<str>> = Vec::new();
        for record in records {
            let Some(tail) = self.tails.get(record.shard as usize) else { continue };
            let mut tail = tail.lock();
            changed.clear();
            changed_rooms(record, &mut changed);
            for room_id in &changed {
                if let Some(room) = rooms.peek(room_id) {
                    Self::apply_to_room(&room, record);
                }
                if let Some(audience) = self.audience.get(room_id) {
                    for user in audience.iter() {
                        user.inner.lock().touch(room_id, (record.shard, record.pos));
                        woken.push(user.clone());
                    }
                }
                tail.rooms.insert(room_id.clone(), record.pos);
            }
            self.apply_to_users(record, &mut woken);
            tail.push(record.clone());
            self.cursors[record.shard as usize].store(record.pos, Ordering::Release);
        }
        woken.sort_unstable_by_key(|user| Arc::as_ptr(user).addr());
        woken.dedup_by(|a, b| Arc::ptr_eq(a, b));
        woken.iter().for_each(|user| user.wake());
    }

    pub(crate) fn apply_to_room(room: &Room, record: &Record) {
        for event in record.events.iter().filter(|event| event.room_id == room.id) {
            room.apply_event(event);
        }
        for change in record.changes.iter().filter(|change| change.room_id() == Some(&room.id)) {
            room.apply_change(record.pos, change);
        }
    }

    fn apply_to_users(&self, record: &Record, woken: &mut Vec<Arc<HotUser>>) {
        for event in record.events.iter().filter(|event| event.kind.as_ref() == "m.room.member") {
            let user = event.state_key.as_ref().and_then(|user_id| self.peek(user_id));
            if let Some(user) = user {
                self.apply_membership(&user, event, record.shard);
                woken.push(user);
            }
        }
        for change in &record.changes {
            let Some(user_id) = change.user_id() else { continue };
            if let Some(user) = self.peek(user_id) {
                apply_to_user(&user, (record.shard, record.pos), change);
                woken.push(user);
            }
        }
    }

    /// A member event of a user in memory: the tie to the room and the place in its audience.
    fn apply_membership(&self, user: &Arc<HotUser>, event: &Event, shard: Shard) {
        let membership = membership_of(event);
        let mut inner = user.inner.lock();
        let before = inner.rooms.get(&event.room_id);
        if before.is_some_and(|tie| tie.pos >= event.pos) {
            return;
        }
        let joined_before = before.is_some_and(|tie| tie.membership == "join");
        if before.is_none_or(|tie| tie.membership != membership) {
            let forgotten = before.is_some_and(|tie| tie.forgotten) && matches!(membership, "leave" | "ban");
            inner.rooms.insert(event.room_id.clone(), Tie { membership, pos: event.pos, forgotten });
        }
        inner.touch(&event.room_id, (shard, event.pos));
        drop(inner);
        if membership == "join" && !joined_before {
            self.join_audience(user, &event.room_id);
            self.introduce(user, &event.room_id);
        } else if membership != "join" && joined_before {
            self.leave_audience(user, &event.room_id);
        }
    }

    fn join_audience(&self, user: &Arc<HotUser>, room_id: &Arc<str>) {
        let mut audience = self.audience.entry(room_id.clone()).or_default();
        if !audience.iter().any(|other| Arc::ptr_eq(other, user)) {
            audience.push(user.clone());
        }
    }

    /// Whoever joins learns who is here, and the others that somebody came: none of it changes at this moment, but
    /// they were not told before.
    fn introduce(&self, user: &HotUser, room_id: &Arc<str>) {
        let audience = self.audience(room_id);
        if audience.len() > self.presence_limit {
            return;
        }
        for other in &audience {
            let mut inner = user.inner.lock();
            let clock = inner.tick();
            inner.presence.set(&other.id, clock);
            drop(inner);
            if other.id != user.id {
                let mut inner = other.inner.lock();
                let clock = inner.tick();
                inner.presence.set(&user.id, clock);
            }
        }
    }

    fn leave_audience(&self, user: &Arc<HotUser>, room_id: &Arc<str>) {
        if let Some(mut audience) = self.audience.get_mut(room_id) {
            audience.retain(|other| !Arc::ptr_eq(other, user));
        }
        self.audience.remove_if(room_id, |_, audience| audience.is_empty());
    }

    /// The users in memory who are joined to the room.
    pub(crate) fn audience(&self, room_id: &str) -> Vec<Arc<HotUser>> {
        self.audience.get(room_id).map(|audience| audience.clone()).unwrap_or_default()
    }

    /// How many users in memory are joined to the room.
    pub(crate) fn audience_size(&self, room_id: &str) -> usize {
        self.audience.get(room_id).map_or(0, |audience| audience.len())
    }

    pub(crate) fn peek(&self, user_id: &str) -> Option<Arc<HotUser>> {
        self.users.get(user_id).map(|user| user.clone())
    }

    /// Runs `adopt` with the records of the shard after `cursor` while no new one can arrive, unless they are not all
    /// in the window any more.
    pub(crate) fn adopt(&self, shard: Shard, cursor: i64, adopt: impl FnOnce(&[Arc<Record>])) -> bool {
        let Some(tail) = self.tails.get(shard as usize) else { return false };
        let tail = tail.lock();
        if cursor < tail.from {
            return false;
        }
        adopt(&tail.since(cursor));
        true
    }

    /// [`Hub::adopt`] over all shards at once.
    fn adopt_all(&self, cursors: &[i64], adopt: impl FnOnce(&[Arc<Record>])) -> bool {
        let tails: Vec<_> = self.tails.iter().map(Mutex::lock).collect();
        if tails.iter().zip(cursors).any(|(tail, cursor)| *cursor < tail.from) {
            return false;
        }
        let records: Vec<_> = tails.iter().zip(cursors).flat_map(|(tail, cursor)| tail.since(*cursor)).collect();
        adopt(&records);
        true
    }

    /// Of `rooms` in the shard, those that changed after `pos`; nothing if that is before the window.
    pub(crate) fn changed_since<'a>(
        &self,
        shard: Shard,
        pos: i64,
        rooms: impl Iterator<Item = &'a Arc<str>>,
    ) -> Option<Vec<Arc<str>>> {
        let tail = self.tails.get(shard as usize)?.lock();
        if pos < tail.from {
            return None;
        }
        let changed = |room: &&Arc<str>| tail.rooms.get(*room).is_some_and(|last| *last > pos);
        Some(rooms.filter(changed).cloned().collect())
    }

    /// Drops users that nobody has used for a while.
    pub(crate) fn evict(&self, now: i64) {
        let idle = |user: &HotUser| !user.in_use() && now - user.used_ts.load(Ordering::Relaxed) > IDLE_MS;
        let evicted: Vec<_> = self.users.iter().filter(|user| idle(user)).map(|user| user.clone()).collect();
        for user in evicted {
            if self.users.remove_if(&user.id, |_, user| idle(user)).is_some() {
                let rooms: Vec<_> = user.inner.lock().rooms.keys().cloned().collect();
                rooms.iter().for_each(|room_id| self.leave_audience(&user, room_id));
            }
        }
    }
}

impl Tail {
    fn push(&mut self, record: Arc<Record>) {
        self.window.push_back(record);
        if self.window.len() > WINDOW
            && let Some(dropped) = self.window.pop_front()
        {
            self.from = dropped.pos;
            let mut rooms = Vec::new();
            changed_rooms(&dropped, &mut rooms);
            for room_id in rooms {
                if self.rooms.get(&room_id).is_some_and(|last| *last <= dropped.pos) {
                    self.rooms.remove(&room_id);
                }
            }
        }
    }

    fn since(&self, cursor: i64) -> Vec<Arc<Record>> {
        let start = self.window.partition_point(|record| record.pos <= cursor);
        self.window.range(start..).cloned().collect()
    }
}

/// The rooms in which a record changes something that their members see.
fn changed_rooms(record: &Record, rooms: &mut Vec<Arc<str>>) {
    let of_events = record.events.iter().map(|event| &event.room_id);
    let of_changes = record.changes.iter().filter_map(Change::room_id);
    for room_id in of_events.chain(of_changes) {
        if !rooms.contains(room_id) {
            rooms.push(room_id.clone());
        }
    }
}

fn apply_to_user(user: &HotUser, at: (Shard, i64), change: &Change) {
    let pos = at.1;
    let mut inner = user.inner.lock();
    match change {
        Change::AccountData { room_id, kind, json, .. } => {
            let data = AccountData { json: json.clone(), pos };
            inner.set_account_data(room_id, kind, data);
            if !room_id.is_empty() {
                inner.touch(room_id, at);
            }
        }
        Change::ToDevice { device_id, .. } => {
            inner.to_device.insert(device_id.clone(), pos);
        }
        Change::Forgotten { room_id, .. } => {
            if let Some(tie) = inner.rooms.get_mut(room_id) {
                tie.forgotten = true;
            }
        }
        Change::DeviceGone { device_id, .. } => {
            let clock = inner.tick();
            inner.gone.insert(device_id.clone(), clock);
        }
        Change::Receipt(_) | Change::Redacted { .. } => return,
    }
    inner.tick();
}

impl Chat {
    /// The user in memory, loaded if need be.
    pub(crate) async fn hot_user(&self, user_id: &str) -> Result<UserGuard> {
        // Counted as used while the map's entry is held: between finding and counting it could be evicted.
        if let Some(user) = self.hub.users.get(user_id) {
            return Ok(UserGuard::new(user.clone(), self.env.now()));
        }
        let key: Arc<str> = user_id.into();
        let _turn = self.hub.loading.take(&key).await;
        let user = match self.hub.peek(user_id) {
            Some(user) => user,
            None => load(self, &key).await?,
        };
        Ok(UserGuard::new(user, self.env.now()))
    }
}

async fn load(chat: &Chat, user_id: &Arc<str>) -> Result<Arc<HotUser>> {
    let shard = chat.user_shard(user_id);
    loop {
        let cursors = chat.hub.cursors();
        let rooms = user_rooms::of_user(&chat.db, shard, user_id).await?;
        let data = account_data::of_user(&chat.db, shard, user_id).await?;
        let waiting = to_device::heads(&chat.db, shard, user_id).await?;
        let generation = u64::from_le_bytes(chat.env.random()) >> 16;
        let user = Arc::new(HotUser::new(user_id.clone(), generation, rooms));
        // Before anybody uses it, it must not look idle.
        user.used_ts.store(chat.env.now(), Ordering::Relaxed);
        {
            let mut inner = user.inner.lock();
            for row in data {
                let data = AccountData { json: row.json, pos: row.pos };
                inner.set_account_data(&row.room_id, &row.kind, data);
            }
            inner.to_device.extend(waiting);
        }
        if chat.hub.adopt_all(&cursors, |records| chat.hub.adopt_user(&user, records)) {
            return Ok(user);
        }
    }
}

impl Hub {
    fn adopt_user(&self, user: &Arc<HotUser>, records: &[Arc<Record>]) {
        let joined: Vec<_> = {
            let inner = user.inner.lock();
            inner.rooms.iter().filter(|(_, tie)| tie.membership == "join").map(|(room, _)| room.clone()).collect()
        };
        joined.iter().for_each(|room_id| self.join_audience(user, room_id));
        for record in records {
            let own = |event: &&Arc<Event>| {
                event.kind.as_ref() == "m.room.member" && event.state_key.as_deref() == Some(user.id.as_ref())
            };
            record.events.iter().filter(own).for_each(|event| self.apply_membership(user, event, record.shard));
            for change in record.changes.iter().filter(|change| change.user_id() == Some(&user.id)) {
                apply_to_user(user, (record.shard, record.pos), change);
            }
        }
        self.users.insert(user.id.clone(), user.clone());
    }
}
