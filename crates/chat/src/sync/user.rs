//! A user in memory: the rooms, the account data, the devices that messages wait for, and what has just changed.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use serde_json::value::RawValue;
use store::user_rooms::UserRoomRow;
use tokio::sync::Notify;

/// Changed rooms that are remembered; a client further behind has its rooms compared one by one.
const TOUCHED: usize = 512;

/// A user in memory.
pub struct HotUser {
    pub(crate) id: Arc<str>,
    /// Tells this instance from an earlier one: its clock starts anew.
    pub(crate) generation: u64,
    pub(crate) inner: Mutex<Inner>,
    /// Wakes everyone who waits for something new.
    pub(crate) news: Notify,
    /// Requests and sockets that use it.
    pub(crate) users: AtomicUsize,
    pub(crate) used_ts: AtomicI64,
}

/// A user's tie to a room.
#[derive(Debug, Clone)]
pub(crate) struct Tie {
    pub(crate) membership: &'static str,
    /// Where in the room's log this membership began.
    pub(crate) pos: i64,
    pub(crate) forgotten: bool,
}

pub(crate) struct AccountData {
    pub(crate) json: Arc<RawValue>,
    pub(crate) pos: i64,
}

pub(crate) struct Inner {
    pub(crate) clock: u64,
    pub(crate) rooms: HashMap<Arc<str>, Tie>,
    /// By (room or empty, type).
    pub(crate) account_data: HashMap<(Arc<str>, Arc<str>), AccountData>,
    /// The newest message that waits for each device.
    pub(crate) to_device: HashMap<Arc<str>, i64>,
    /// Rooms in the order they changed, by clock.
    touched: VecDeque<(u64, Arc<str>)>,
    /// Touches at or before this clock may be forgotten.
    touched_from: u64,
    /// People whose presence changed, by clock.
    pub(crate) presence: HashMap<Arc<str>, u64>,
    /// Rooms where somebody began or ended typing, by clock.
    pub(crate) typing: HashMap<Arc<str>, u64>,
    /// Devices that were signed out, by clock.
    pub(crate) gone: HashMap<Arc<str>, u64>,
}

/// Maps a stored membership to the five that the specification has.
pub(crate) fn membership(text: &str) -> &'static str {
    match text {
        "join" => "join",
        "invite" => "invite",
        "knock" => "knock",
        "ban" => "ban",
        _ => "leave",
    }
}

impl HotUser {
    pub(crate) fn new(id: Arc<str>, generation: u64, rooms: Vec<UserRoomRow>) -> Self {
        let tie = |row: UserRoomRow| {
            (row.room_id, Tie { membership: membership(&row.membership), pos: row.pos, forgotten: row.forgotten })
        };
        let inner = Inner {
            clock: 1,
            rooms: rooms.into_iter().map(tie).collect(),
            account_data: HashMap::new(),
            to_device: HashMap::new(),
            touched: VecDeque::new(),
            touched_from: 1,
            presence: HashMap::new(),
            typing: HashMap::new(),
            gone: HashMap::new(),
        };
        Self {
            id,
            generation,
            inner: Mutex::new(inner),
            news: Notify::new(),
            users: AtomicUsize::new(0),
            used_ts: AtomicI64::new(0),
        }
    }

    /// Something changed in the room. Does not wake anyone yet: see [`HotUser::wake`].
    pub(crate) fn touch_room(&self, room_id: &Arc<str>) {
        self.inner.lock().touch(room_id);
    }

    /// Tells whoever waits to look again.
    pub(crate) fn wake(&self) {
        self.news.notify_waiters();
    }

    /// Whether somebody is connected or was a moment ago.
    pub(crate) fn in_use(&self) -> bool {
        self.users.load(Ordering::Relaxed) > 0
    }

    /// The content of account data, if set.
    pub(crate) fn account_data(&self, room_id: &str, kind: &str) -> Option<Arc<RawValue>> {
        let inner = self.inner.lock();
        inner.account_data.get(&(room_id.into(), kind.into())).map(|data| data.json.clone())
    }
}

impl Inner {
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub(crate) fn touch(&mut self, room_id: &Arc<str>) {
        let clock = self.tick();
        match self.touched.back_mut() {
            Some((last, room)) if room == room_id => *last = clock,
            _ => self.touched.push_back((clock, room_id.clone())),
        }
        if self.touched.len() > TOUCHED
            && let Some((dropped, _)) = self.touched.pop_front()
        {
            self.touched_from = dropped;
        }
    }

    /// The rooms that changed after `clock`, or nothing if that is too long ago to be known.
    pub(crate) fn touched_since(&self, clock: u64) -> Option<HashSet<Arc<str>>> {
        if clock < self.touched_from || clock > self.clock {
            return None;
        }
        Some(self.touched.iter().rev().take_while(|(at, _)| *at > clock).map(|(_, room)| room.clone()).collect())
    }
}

/// Keeps a user in memory while a request or a socket needs it.
pub(crate) struct UserGuard(pub(crate) Arc<HotUser>);

impl UserGuard {
    pub(crate) fn new(user: Arc<HotUser>, now: i64) -> Self {
        user.users.fetch_add(1, Ordering::Relaxed);
        user.used_ts.store(now, Ordering::Relaxed);
        Self(user)
    }
}

impl Drop for UserGuard {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::Relaxed);
    }
}

impl std::ops::Deref for UserGuard {
    type Target = HotUser;

    fn deref(&self) -> &HotUser {
        &self.0
    }
}
