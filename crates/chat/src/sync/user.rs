//! A user in memory: the rooms, the account data, the devices that messages wait for, and what has just changed.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use serde_json::value::RawValue;
use store::{log::Shard, user_rooms::UserRoomRow};
use tokio::sync::Notify;

use crate::push_rules::{self, Quiet};

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
    /// The rooms that the user has silenced, from the push rules.
    pub(crate) quiet: HashMap<Arc<str>, Quiet>,
    /// The newest message that waits for each device.
    pub(crate) to_device: HashMap<Arc<str>, i64>,
    /// Rooms in the order they changed.
    touched: VecDeque<Touch>,
    /// Touches at or before this clock may be forgotten.
    touched_from: u64,
    /// The newest positions of those that are, by shard.
    forgotten: BTreeMap<Shard, i64>,
    /// People whose presence changed.
    pub(crate) presence: Marks,
    /// Rooms where somebody began or ended typing.
    pub(crate) typing: Marks,
    /// Up to which clock each device was told what is in no log, by this instance.
    pub(crate) told: HashMap<Arc<str>, u64>,
    /// Devices that were signed out, by clock.
    pub(crate) gone: HashMap<Arc<str>, u64>,
    /// When last all devices were signed out but this one.
    pub(crate) others_gone: Option<(Arc<str>, u64)>,
    /// No news reaches this instance any more: whoever follows it begins again.
    pub(crate) retired: bool,
}

/// A room changed.
struct Touch {
    /// When, by the user's clock.
    clock: u64,
    room_id: Arc<str>,
    /// Where the change stands in the log of this shard; 0 if it stands in none.
    at: (Shard, i64),
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
    /// The user is to be told how present these people are, as far as that is known.
    pub(crate) fn meet<'a>(&self, people: impl IntoIterator<Item = &'a Arc<str>>) {
        let mut inner = self.inner.lock();
        let clock = inner.tick();
        for person in people {
            inner.presence.set(person, clock);
        }
    }

    pub(crate) fn new(id: Arc<str>, generation: u64, rooms: Vec<UserRoomRow>) -> Self {
        let tie = |row: UserRoomRow| {
            (row.room_id, Tie { membership: membership(&row.membership), pos: row.pos, forgotten: row.forgotten })
        };
        let inner = Inner {
            clock: 1,
            rooms: rooms.into_iter().map(tie).collect(),
            account_data: HashMap::new(),
            account_data_pos: 0,
            quiet: HashMap::new(),
            to_device: HashMap::new(),
            touched: VecDeque::new(),
            touched_from: 1,
            forgotten: BTreeMap::new(),
            presence: Marks::default(),
            typing: Marks::default(),
            told: HashMap::new(),
            gone: HashMap::new(),
            others_gone: None,
            retired: false,
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

    /// Tells whoever waits to look again.
    pub(crate) fn wake(&self) {
        self.news.notify_waiters();
    }

    /// Whether somebody is connected or was a moment ago.
    pub(crate) fn in_use(&self) -> bool {
        self.users.load(Ordering::Relaxed) > 0
    }

    /// The content of account data and the position where it was set, if it was.
    pub(crate) fn account_data(&self, room_id: &str, kind: &str) -> Option<(Arc<RawValue>, i64)> {
        self.inner.lock().account_data.get(room_id)?.get(kind).map(|data| (data.json.clone(), data.pos))
    }

    /// How much memory the user's account data takes, bytes, about.
    pub(crate) fn account_data_bytes(&self) -> usize {
        const KEYS: usize = 512;
        let inner = self.inner.lock();
        inner.account_data.values().flat_map(HashMap::values).map(|data| data.json.get().len() + KEYS).sum()
    }
}

impl Inner {
    /// Sets account data.
    pub(crate) fn set_account_data(&mut self, room_id: &Arc<str>, kind: &Arc<str>, data: AccountData) {
        self.account_data_pos = self.account_data_pos.max(data.pos);
        if room_id.is_empty() && kind.as_ref() == "m.push_rules" {
            self.quiet = push_rules::quiet_rooms(data.json.get());
        }
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

    /// Something changed in the room: a record of the log at (shard, position), or what is in no log (0).
    pub(crate) fn touch(&mut self, room_id: &Arc<str>, at: (Shard, i64)) {
        let clock = self.tick();
        match self.touched.back_mut() {
            Some(last) if last.room_id == *room_id && at.1 == 0 => last.clock = clock,
            Some(last) if last.room_id == *room_id && at.0 == last.at.0 => (last.clock, last.at) = (clock, at),
            _ => self.touched.push_back(Touch { clock, room_id: room_id.clone(), at }),
        }
        if self.touched.len() > TOUCHED
            && let Some(dropped) = self.touched.pop_front()
        {
            self.touched_from = dropped.clock;
            let newest = self.forgotten.entry(dropped.at.0).or_default();
            *newest = dropped.at.1.max(*newest);
        }
    }

    /// The clock up to which every touch belongs to a record that the cursors have passed. A room is touched before the
    /// cursor passes the record, so a token with the clock itself could leave out a room whose news it does not have.
    pub(crate) fn settled(&self, cursors: &[i64]) -> u64 {
        let passed = |(shard, pos): (Shard, i64)| cursors.get(shard as usize).is_some_and(|cursor| pos <= *cursor);
        // Which rooms those were is not known any more: the next answer has to go by positions.
        if !self.forgotten.iter().all(|(shard, pos)| passed((*shard, *pos))) {
            return self.touched_from - 1;
        }
        let unsettled = self.touched.iter().find(|touch| !passed(touch.at));
        unsettled.map_or(self.clock, |touch| touch.clock - 1)
    }

    /// The rooms that changed after `clock`, or nothing if that is too long ago to be known.
    pub(crate) fn touched_since(&self, clock: u64) -> Option<HashSet<Arc<str>>> {
        if clock < self.touched_from || clock > self.clock {
            return None;
        }
        let newer = self.touched.iter().rev().take_while(|touch| touch.clock > clock);
        Some(newer.map(|touch| touch.room_id.clone()).collect())
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

#[cfg(test)]
mod tests {
    use store::log::Change;

    use super::{super::audience::apply_to_user, *};

    fn user() -> HotUser {
        HotUser::new("@a:b".into(), 7, Vec::new())
    }

    #[test]
    fn a_token_never_counts_a_change_that_the_cursor_has_not_passed() {
        let user = user();
        let mut inner = user.inner.lock();
        let (tea, cake): (Arc<str>, Arc<str>) = ("!tea".into(), "!cake".into());
        inner.touch(&tea, (0, 10));
        assert_eq!(inner.settled(&[10]), inner.clock);
        inner.touch(&cake, (0, 11));
        // Somebody types there before the cursor has passed the message.
        inner.touch(&cake, (0, 0));
        inner.touch(&tea, (0, 0));
        let settled = inner.settled(&[10]);
        assert!(settled < inner.clock);
        assert!(inner.touched_since(settled).is_some_and(|rooms| rooms.contains(&cake)));
        assert_eq!(inner.settled(&[11]), inner.clock);
    }

    #[test]
    fn a_change_that_the_cursor_has_not_passed_is_news_however_many_come_after_it() {
        let user = user();
        let mut inner = user.inner.lock();
        for n in 0..TOUCHED as i64 + 100 {
            inner.touch(&format!("!{n}").into(), (n % 8, n + 1));
        }
        assert_eq!(inner.touched_since(inner.settled(&[0; 8])), None, "rooms are compared one by one");
        let all = [TOUCHED as i64 + 100; 8];
        assert_eq!(inner.settled(&all), inner.clock);
        // Another is touched by what is in no log, and pushes one out that a cursor has not passed.
        inner.touch(&"!tea".into(), (0, all[0] + 1));
        for n in 0..TOUCHED {
            inner.touch(&format!("!{n}").into(), (0, 0));
        }
        assert_eq!(inner.touched_since(inner.settled(&all)), None);
        assert_eq!(inner.settled(&[all[0] + 1; 8]), inner.clock);
    }

    #[test]
    fn a_room_touched_again_is_news_to_whoever_saw_the_first_touch() {
        let user = user();
        let mut inner = user.inner.lock();
        let tea: Arc<str> = "!tea".into();
        inner.touch(&tea, (0, 1));
        let seen = inner.settled(&[1]);
        inner.touch(&tea, (0, 2));
        assert_eq!(inner.touched_since(inner.settled(&[1])), inner.touched_since(seen));
        assert!(inner.touched_since(seen).is_some_and(|rooms| rooms.contains(&tea)));
    }

    #[test]
    fn a_room_that_was_forgotten_and_come_back_to_is_shown_whatever_order_the_two_arrive_in() {
        let user = user();
        let room: Arc<str> = "!tea".into();
        let forgotten = Change::Forgotten { user_id: user.id.clone(), room_id: room.clone() };
        for (membership, hidden) in [("join", false), ("invite", false), ("leave", true), ("ban", true)] {
            user.inner.lock().rooms.insert(room.clone(), Tie { membership, pos: 5, forgotten: false });
            apply_to_user(&user, (0, 9), &forgotten);
            assert_eq!(user.inner.lock().rooms[&room].forgotten, hidden, "{membership}");
        }
    }

    #[test]
    fn what_is_too_long_ago_is_said_to_be_unknown() {
        let user = user();
        let mut inner = user.inner.lock();
        for n in 0..TOUCHED as i64 + 2 {
            inner.touch(&format!("!{n}").into(), (0, n + 1));
        }
        assert_eq!(inner.touched_since(1), None);
        assert!(inner.touched_since(inner.clock).is_some_and(|rooms| rooms.is_empty()));
    }
}
