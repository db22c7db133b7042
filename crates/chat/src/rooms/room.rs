//! A room in memory: its current state, its newest events, who has read how far, who is typing.
//!
//! Fed by the tail in the order of the log. A room that was loaded later than a record says so by positions, so applying
//! a record twice, or one that the loaded rows already contain, changes nothing.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::RwLock;
use ruma::{RoomVersionId, room_version_rules::RoomVersionRules};
use store::log::{Change, Event, Receipt, Shard};

use super::auth_rules::{self, PowerLevels};

/// Newest events kept per room.
const RING: usize = 512;
/// Receipt changes whose order is remembered; older ones are found by looking at all.
const RECEIPT_LOG: usize = 512;

/// State events by type and state key.
pub(crate) type StateMap = HashMap<Arc<str>, HashMap<Arc<str>, Arc<Event>>>;

/// A room in memory.
pub struct Room {
    /// Its id.
    pub id: Arc<str>,
    /// The shard it lives in.
    pub shard: Shard,
    /// The shard's epoch in which it was loaded.
    pub(crate) epoch: i64,
    /// Its version.
    pub version: RoomVersionId,
    /// What the version means.
    pub rules: RoomVersionRules,
    pub(crate) inner: RwLock<Inner>,
    /// Held by whoever decides anew after having been overtaken.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
    /// When it was last asked for, milliseconds, for eviction.
    pub(crate) used_ts: AtomicI64,
}

/// How far somebody has read, for one kind and thread.
#[derive(Debug, Clone)]
pub(crate) struct ReadUpTo {
    pub(crate) receipt: Receipt,
    pub(crate) pos: i64,
}

/// (user, kind, thread)
pub(crate) type ReceiptKey = (Arc<str>, Arc<str>, Arc<str>);

/// What changes in a room.
pub(crate) struct Inner {
    /// The number of the newest event.
    pub(crate) seq: i64,
    /// How many notifying events there are.
    pub(crate) count: i64,
    /// The position of the newest change.
    pub(crate) pos: i64,
    pub(crate) state: StateMap,
    pub(crate) power_levels: PowerLevels,
    pub(crate) joined: usize,
    pub(crate) invited: usize,
    /// The newest events, contiguous by `seq`.
    pub(crate) ring: VecDeque<Arc<Event>>,
    pub(crate) receipts: HashMap<ReceiptKey, ReadUpTo>,
    /// Up to which event each user has read the main timeline, by receipts or by having sent it: (`seq`, `count`).
    pub(crate) read: HashMap<Arc<str>, (i64, i64)>,
    pub(crate) receipt_log: VecDeque<(i64, ReceiptKey)>,
    /// Receipt changes at or before this position may have fallen out of `receipt_log`.
    pub(crate) receipt_log_from: i64,
    /// Events that mention a user and are not read yet. `@room` stands for everyone.
    pub(crate) mentions: HashMap<Arc<str>, Vec<i64>>,
    /// Who is typing, until when (milliseconds).
    pub(crate) typing: HashMap<Arc<str>, i64>,
}

impl Room {
    pub(crate) fn new(
        id: Arc<str>,
        (shard, epoch): (Shard, i64),
        version: RoomVersionId,
        rules: RoomVersionRules,
    ) -> Self {
        let inner = Inner {
            seq: 0,
            count: 0,
            pos: 0,
            state: StateMap::new(),
            power_levels: PowerLevels::none(&rules),
            joined: 0,
            invited: 0,
            ring: VecDeque::new(),
            receipts: HashMap::new(),
            read: HashMap::new(),
            receipt_log: VecDeque::new(),
            receipt_log_from: 0,
            mentions: HashMap::new(),
            typing: HashMap::new(),
        };
        let (inner, used_ts) = (RwLock::new(inner), AtomicI64::new(0));
        Self { id, shard, epoch, version, rules, inner, turn: Arc::default(), used_ts }
    }

    /// The current state event under a key.
    pub fn state(&self, kind: &str, state_key: &str) -> Option<Arc<Event>> {
        self.inner.read().get(kind, state_key).cloned()
    }

    /// The user's membership: `join`, `invite`, `knock`, `leave`, `ban`, or nothing.
    pub fn membership(&self, user_id: &str) -> Option<&'static str> {
        self.inner.read().membership(user_id)
    }

    /// Whether the user is a joined member.
    pub fn is_joined(&self, user_id: &str) -> bool {
        self.membership(user_id) == Some("join")
    }

    /// The joined members among the people whom `known` knows, if not more than `limit` people are joined.
    pub(crate) fn people(&self, limit: usize, known: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        let inner = self.inner.read();
        if inner.joined > limit {
            return Vec::new();
        }
        // Members are also all who have left, and to know what they are their events are read.
        let joined = inner.members().filter(|(user_id, event)| known(user_id) && membership_of(event) == "join");
        joined.map(|(user_id, _)| user_id.clone()).collect()
    }

    pub(crate) fn touch(&self, now: i64) {
        self.used_ts.store(now, Ordering::Relaxed);
    }

    /// Takes in an event of the log.
    pub(crate) fn apply_event(&self, event: &Arc<Event>) {
        let mut inner = self.inner.write();
        if event.seq <= inner.seq {
            return;
        }
        inner.seq = event.seq;
        inner.count = event.count;
        inner.pos = event.pos;
        inner.ring.push_back(event.clone());
        if inner.ring.len() > RING {
            inner.ring.pop_front();
        }
        if event.state_key.is_some() {
            let begins = inner.begins_membership(event);
            inner.set_state(event.clone(), &self.rules);
            // Who comes, or comes back, has missed nothing yet.
            if let Some(user_id) = begins {
                inner.read_up_to(&user_id, event.seq, event.count);
            }
        }
        for user_id in crate::messages::mentioned(event, &inner) {
            inner.mentions.entry(user_id).or_default().push(event.seq);
        }
        // Who sends has read everything up to the event.
        if event.state_key.is_none() {
            inner.read_up_to(&event.sender, event.seq, event.count);
        }
    }

    /// Takes in another change of the log at `pos`.
    pub(crate) fn apply_change(&self, pos: i64, change: &Change) {
        let mut inner = self.inner.write();
        match change {
            Change::Receipt(receipt) => inner.set_receipt(receipt.clone(), pos),
            Change::Redacted { seq, json, .. } => inner.redact(*seq, json),
            _ => return,
        }
        inner.pos = inner.pos.max(pos);
        if matches!(change, Change::Redacted { .. }) {
            inner.power_levels = auth_rules::power_levels(&inner.state, &self.rules);
        }
    }
}

impl Inner {
    pub(crate) fn get(&self, kind: &str, state_key: &str) -> Option<&Arc<Event>> {
        self.state.get(kind)?.get(state_key)
    }

    pub(crate) fn membership(&self, user_id: &str) -> Option<&'static str> {
        self.get("m.room.member", user_id).map(|event| membership_of(event))
    }

    /// All member events.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Event>)> {
        self.state.get("m.room.member").into_iter().flatten()
    }

    pub(crate) fn all_state(&self) -> impl Iterator<Item = &Arc<Event>> {
        self.state.values().flat_map(HashMap::values)
    }

    pub(crate) fn set_state(&mut self, event: Arc<Event>, rules: &RoomVersionRules) {
        let Some(state_key) = event.state_key.clone() else { return };
        let member = event.kind.as_ref() == "m.room.member";
        if member {
            if let Some(before) = self.membership(&state_key) {
                self.count_member(before, -1);
            }
            self.count_member(membership_of(&event), 1);
        }
        let powers = matches!(event.kind.as_ref(), "m.room.power_levels" | "m.room.create");
        self.state.entry(event.kind.clone()).or_default().insert(state_key, event);
        if powers {
            self.power_levels = auth_rules::power_levels(&self.state, rules);
        }
    }

    /// The user whom the event makes a joined member, if it does.
    fn begins_membership(&self, event: &Event) -> Option<Arc<str>> {
        let user_id = event.state_key.as_ref().filter(|_| event.kind.as_ref() == "m.room.member")?;
        let begins = membership_of(event) == "join" && self.membership(user_id) != Some("join");
        begins.then(|| user_id.clone())
    }

    fn count_member(&mut self, membership: &str, by: isize) {
        let counter = match membership {
            "join" => &mut self.joined,
            "invite" => &mut self.invited,
            _ => return,
        };
        *counter = counter.saturating_add_signed(by);
    }

    pub(crate) fn set_receipt(&mut self, receipt: Receipt, pos: i64) {
        let key = (receipt.user_id.clone(), receipt.kind.clone(), receipt.thread.clone());
        if self.receipts.get(&key).is_some_and(|current| current.receipt.seq >= receipt.seq) {
            return;
        }
        self.count_read(&receipt);
        self.receipt_log.push_back((pos, key.clone()));
        if self.receipt_log.len() > RECEIPT_LOG
            && let Some((dropped, _)) = self.receipt_log.pop_front()
        {
            self.receipt_log_from = dropped;
        }
        self.receipts.insert(key, ReadUpTo { receipt, pos });
    }

    /// A receipt for the main timeline moves what counts as unread.
    pub(crate) fn count_read(&mut self, receipt: &Receipt) {
        if receipt.thread.is_empty() || receipt.thread.as_ref() == "main" {
            self.read_up_to(&receipt.user_id, receipt.seq, receipt.count);
        }
    }

    fn read_up_to(&mut self, user_id: &Arc<str>, seq: i64, count: i64) {
        self.read_mentions(user_id, seq);
        match self.read.get_mut(user_id) {
            Some(read) => *read = (*read).max((seq, count)),
            None => {
                self.read.insert(user_id.clone(), (seq, count));
            }
        }
    }

    fn read_mentions(&mut self, user_id: &str, seq: i64) {
        if let Some(unread) = self.mentions.get_mut(user_id) {
            unread.retain(|mention| *mention > seq);
        }
    }

    fn redact(&mut self, seq: i64, json: &Arc<serde_json::value::RawValue>) {
        let redacted = |event: &mut Arc<Event>| {
            let event = Arc::make_mut(event);
            event.json = json.clone();
            event.txn = None;
        };
        let index = self.ring.front().and_then(|first| usize::try_from(seq - first.seq).ok());
        if let Some(event) = index.and_then(|index| self.ring.get_mut(index)) {
            redacted(event);
        }
        for unread in self.mentions.values_mut() {
            unread.retain(|mention| *mention != seq);
        }
        let state = self.state.values_mut().flat_map(HashMap::values_mut).find(|event| event.seq == seq);
        if let Some(event) = state {
            redacted(event);
        }
    }

    /// Messages and mentions that the user has not read: (notifications, highlights).
    pub(crate) fn unread(&self, user_id: &str) -> (i64, i64) {
        // Who has read nothing starts at the own join.
        let joined = || self.get("m.room.member", user_id).map(|event| (event.seq, event.count));
        let (seq, count) = self.read.get(user_id).copied().or_else(joined).unwrap_or((self.seq, self.count));
        let mentions = |who: &str| {
            self.mentions.get(who).map_or(0, |unread| unread.iter().filter(|mention| **mention > seq).count() as i64)
        };
        ((self.count - count).max(0), mentions(user_id) + mentions("@room"))
    }
}

/// The membership that a member event sets. Anything unknown counts as having left.
pub(crate) fn membership_of(event: &Event) -> &'static str {
    #[derive(serde::Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        membership: std::borrow::Cow<'a, str>,
    }
    let content = content_as::<Content<'_>>(event);
    content.map_or("leave", |content| crate::sync::user::membership(&content.membership))
}

/// The event's content as `T`, if it has that shape.
pub(crate) fn content_as<'a, T: serde::Deserialize<'a>>(event: &'a Event) -> Option<T> {
    #[derive(serde::Deserialize)]
    struct Outer<T> {
        content: T,
    }
    serde_json::from_str::<Outer<T>>(event.json.get()).ok().map(|outer| outer.content)
}
