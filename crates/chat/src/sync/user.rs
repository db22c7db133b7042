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
    /// By room (or empty) and type.
    account_data: HashMap<Arc<str>, HashMap<Arc<str>, AccountData>>,
    /// The newest change of any account data.
    pub(crate) account_data_pos: i64,
    /// The newest message that waits for each device.
    pub(crate) to_device: HashMap<Arc<str>, i64>,
    /// Rooms in the order they changed, by clock.
    touched: VecDeque<(u64, Arc<str>)>,
    /// Touches at or before this clock may be forgotten.
    touched_from: u64,
    /// People whose presence changed.
    pub(crate) presence: Marks,
    /// Rooms where somebody began or ended typing.
    pub(crate) typing: Marks,
    /// Devices that were signed out, by clock.
    pub(crate) gone: HashMap<Arc<str>, u64>,
}

/// When, by the user's clock, each of some things last changed.
#[derive(Default)]
pub(crate) struct Marks {
    at: HashMap<Arc<str>, u64>,
    newest: u64,
}

impl Marks {
    pub(crate) fn set(&mut self, what: &Arc<str>, clock: u64) {
        self.newest = clock;
        self.at.insert(what.clone(), clock);
    }

    /// What changed after `clock`; everything without one.
    pub(crate) fn since(&self, clock: Option<u64>) -> HashSet<Arc<str>> {
        if clock.is_some_and(|clock| self.newest <= clock) {
            return HashSet::new();
        }
        let newer = |at: u64| clock.is_none_or(|clock| at > clock);
        self.at.iter().filter(|(_, at)| newer(**at)).map(|(what, _)| what.clone()).collect()
    }
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
            account_data_pos: 0,
            to_device: HashMap::new(),
            touched: VecDeque::new(),
            touched_from: 1,
            presence: Marks::default(),
            typing: Marks::default(),
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
        self.inner.lock().account_data.get(room_id)?.get(kind).map(|data| data.json.clone())
    }
}

impl Inner {
    /// Sets account data.
    pub(crate) fn set_account_data(&mut self, room_id: &Arc<str>, kind: &Arc<str>, data: AccountData) {
        self.account_data_pos = self.account_data_pos.max(data.pos);
        self.account_data.entry(room_id.clone()).or_default().insert(kind.clone(), data);
    }

    /// The account data of a room (or of none) that was set after a position.
    pub(crate) fn account_data_since(
        &self,
        room_id: &str,
        pos: i64,
    ) -> impl Iterator<Item = (&Arc<str>, &AccountData)> {
        let room = (self.account_data_pos > pos).then(|| self.account_data.get(room_id)).flatten();
        room.into_iter().flatten().filter(move |(_, data)| data.pos > pos)
    }

    /// The rooms with account data that was set after a position.
    pub(crate) fn rooms_with_data_since(&self, pos: i64) -> HashSet<Arc<str>> {
        if self.account_data_pos <= pos {
            return HashSet::new();
        }
        let newer = |data: &HashMap<_, AccountData>| data.values().any(|data| data.pos > pos);
        self.account_data.iter().filter(|(_, data)| newer(data)).map(|(room, _)| room.clone()).collect()
    }

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
