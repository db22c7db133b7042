//! Who is here. Kept in memory only; told to people who share a room, in rooms that are not too large for it.
//!
//! Each node knows who is at it, tells the others of every change, and keeps a snapshot on the bus for those that missed
//! one. Who is at a node that is not heard of any more is gone.

use std::{collections::HashMap, sync::Arc, time::Duration};

use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use store::{accounts::directory, user_rooms};

use crate::{
    Chat, Error, Result,
    cluster::{self, wire::Message},
    sessions::Session,
    sync::user::HotUser,
};

/// Who has not synced for so long is gone, milliseconds.
const OFFLINE_AFTER_MS: i64 = 30_000;
/// How long a snapshot of who is at a node is kept.
const SNAPSHOT_TTL: Duration = Duration::from_secs(25);
/// Who was not in a snapshot for so long is gone from that node, milliseconds.
const AWAY_AFTER_MS: i64 = 30_000;
/// For so long is told who has gone, to those who come back from elsewhere, milliseconds.
pub(crate) const GONE_MS: i64 = 10 * 60_000;
/// Who was active within this time counts as active now, milliseconds.
const ACTIVE_MS: i64 = 60_000;
/// A status message's length at most, characters.
const MAX_STATUS: usize = 250;
/// Offline people whose last presence is remembered.
const MAX_ENTRIES: usize = 100_000;

/// How present somebody is. Client-Server API, "Presence".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Here.
    Online,
    /// Connected, but away.
    Unavailable,
    /// Not connected, or does not want to be seen.
    #[default]
    Offline,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    state: State,
    status: Option<Arc<str>>,
    /// When the user last did something, milliseconds.
    active_ts: i64,
    /// When the user last asked for news, milliseconds.
    seen_ts: i64,
    /// Since when the state is so, milliseconds; 0 if it never was another.
    since_ts: i64,
}

/// Everyone's presence.
#[derive(Default)]
pub(crate) struct Presence {
    /// Of people at this node.
    here: DashMap<Arc<str>, Entry>,
    /// Of people at other nodes, by node.
    away: DashMap<Arc<str>, HashMap<Arc<str>, Entry>>,
}

/// Somebody's presence as nodes tell each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shared {
    user_id: String,
    state: State,
    status: Option<String>,
    active_ts: i64,
}

/// What others are told of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceEvent {
    /// Who.
    pub user_id: Arc<str>,
    /// How present.
    pub state: State,
    /// In the user's own words.
    pub status: Option<Arc<str>>,
    /// Milliseconds since the user last did something, if ever.
    pub last_active_ago: Option<i64>,
    /// Whether that was a moment ago.
    pub currently_active: bool,
}

impl Presence {
    /// What to tell of the user; nothing if nothing is known.
    pub(crate) fn event(&self, user_id: &Arc<str>, now: i64) -> Option<PresenceEvent> {
        let entry = self.entry(user_id)?;
        let ago = (entry.active_ts > 0).then(|| (now - entry.active_ts).max(0));
        Some(PresenceEvent {
            user_id: user_id.clone(),
            state: entry.state,
            status: entry.status.clone(),
            last_active_ago: ago,
            currently_active: entry.state == State::Online && ago.is_some_and(|ago| ago < ACTIVE_MS),
        })
    }

    /// The user's presence at the node where it is greatest.
    fn entry(&self, user_id: &str) -> Option<Entry> {
        let here = self.here.get(user_id).map(|entry| entry.clone());
        let away = self.away.get(user_id).map(|nodes| nodes.values().cloned().collect::<Vec<_>>()).unwrap_or_default();
        here.into_iter()
            .chain(away)
            .max_by_key(|entry| (entry.state == State::Online, entry.state != State::Offline, entry.active_ts))
    }

    /// Whether the user is at another node, as far as this one has heard.
    pub(crate) fn is_away(&self, user_id: &str) -> bool {
        self.away.get(user_id).is_some_and(|nodes| nodes.values().any(|entry| entry.state != State::Offline))
    }

    /// Who is here among the people in these rooms; for a client that comes back, also who has gone since a moment
    /// (milliseconds). Of people who are not in this node's memory, only those are seen with whom a room is that is.
    pub(crate) fn visible_to<'a>(
        &self,
        chat: &Chat,
        rooms: impl Iterator<Item = &'a Arc<str>>,
        gone_since: Option<i64>,
    ) -> Vec<Arc<str>> {
        let limit = chat.config.presence.max_room_members;
        let known = |user_id: &str| {
            self.away.contains_key(user_id) || (gone_since.is_some() && self.here.contains_key(user_id))
        };
        let mut seen = std::collections::BTreeSet::new();
        for room_id in rooms {
            if chat.hub.audience_size(room_id) <= limit {
                seen.extend(chat.hub.audience(room_id).iter().map(|user| user.id.clone()));
            }
            // Of who is at other nodes this one knows no more than that they are members.
            if let Some(room) = chat.rooms.peek(room_id).filter(|_| gone_since.is_some() || !self.away.is_empty()) {
                seen.extend(room.people(limit, known));
            }
        }
        let told = |entry: Entry| {
            entry.state != State::Offline
                || (entry.since_ts > 0 && gone_since.is_some_and(|moment| entry.since_ts >= moment))
        };
        seen.into_iter().filter(|user_id| self.entry(user_id).is_some_and(told)).collect()
    }

    /// Whose node is not heard of any more.
    fn lost(&self, now: i64) -> Vec<Arc<str>> {
        let lost = self.away.iter().filter(|nodes| nodes.values().any(|entry| entry.is_lost(now)));
        lost.map(|nodes| nodes.key().clone()).collect()
    }

    /// Forgets people at other nodes who went long ago.
    fn forget(&self, now: i64) {
        let remembered = if self.away.len() > MAX_ENTRIES { 0 } else { GONE_MS };
        self.away.retain(|_, nodes| {
            nodes.retain(|_, entry| entry.state != State::Offline || now - entry.since_ts < remembered);
            !nodes.is_empty()
        });
    }
}

impl Entry {
    /// Nothing was heard of it for so long that its node must have died.
    fn is_lost(&self, now: i64) -> bool {
        self.state != State::Offline && now - self.seen_ts > AWAY_AFTER_MS
    }

    fn turn(&mut self, state: State, now: i64) {
        if self.state != state {
            (self.state, self.since_ts) = (state, now);
        }
    }
}

/// The user asks for news, as present as `state` says.
pub(crate) fn seen(chat: &Chat, user: &HotUser, state: State) {
    if chat.config.presence.enabled {
        let now = chat.env.now();
        update(chat, user, now, |entry| {
            entry.seen_ts = now;
            if entry.state == State::Offline && state == State::Online {
                entry.active_ts = now;
            }
            entry.turn(state, now);
        });
    }
}

/// Sets the user's own presence.
///
/// # Errors
/// M_INVALID_PARAM for a status message that is too long.
pub async fn set(chat: &Chat, session: &Session, state: State, status: Option<String>) -> Result<()> {
    if status.as_ref().is_some_and(|status| status.chars().count() > MAX_STATUS) {
        return Err(Error::invalid(format!("A status message has at most {MAX_STATUS} characters.")));
    }
    if !chat.config.presence.enabled {
        return Ok(());
    }
    let user = chat.hot_user(session.user_id.as_str()).await?;
    let now = chat.env.now();
    update(chat, &user, now, |entry| {
        entry.turn(state, now);
        entry.status = status.filter(|status| !status.is_empty()).map(Into::into);
        entry.seen_ts = now;
        if state == State::Online {
            entry.active_ts = now;
        }
    });
    Ok(())
}

/// Somebody's presence, for people who share a room.
///
/// # Errors
/// M_NOT_FOUND if there is nobody of this name, M_FORBIDDEN if they share none.
pub async fn get(chat: &Chat, session: &Session, user_id: &str) -> Result<PresenceEvent> {
    let who: Arc<str> = user_id.into();
    if session.user_id != user_id {
        if store::profiles::names(&chat.db, user_id).await?.is_none() {
            return Err(Error::not_found("There is nobody of this name."));
        }
        if !share_a_room(chat, session.user_id.as_str(), user_id).await? {
            return Err(Error::forbidden("You share no room with this person."));
        }
    }
    let nothing = PresenceEvent {
        user_id: who.clone(),
        state: State::Offline,
        status: None,
        last_active_ago: None,
        currently_active: false,
    };
    Ok(chat.presence.event(&who, chat.env.now()).unwrap_or(nothing))
}

async fn share_a_room(chat: &Chat, one: &str, other: &str) -> Result<bool> {
    let (of_one, of_other) = (chat.user_shard(one), chat.user_shard(other));
    Ok(directory::share_a_room(&chat.db, (of_one, one), (of_other, other)).await?)
}

/// Whether the user, who is in `rooms`, shares one of them with `other`.
pub(crate) async fn meets(chat: &Chat, user_id: &str, rooms: &[Arc<str>], other: &Arc<str>) -> Result<bool> {
    if user_id == other.as_ref() {
        return Ok(true);
    }
    if let Some(other) = chat.hub.peek(other) {
        let inner = other.inner.lock();
        return Ok(rooms.iter().any(|room| inner.rooms.get(room).is_some_and(|tie| tie.membership == "join")));
    }
    let is_in = |room_id: &Arc<str>| chat.rooms.peek(room_id).is_some_and(|room| room.is_joined(other));
    Ok(rooms.iter().any(is_in) || share_a_room(chat, user_id, other).await?)
}

/// The rooms that the user is in.
pub(crate) fn joined(user: &HotUser) -> Vec<Arc<str>> {
    let inner = user.inner.lock();
    inner.rooms.iter().filter(|(_, tie)| tie.membership == "join").map(|(room, _)| room.clone()).collect()
}

/// Changes an entry and tells those who may see it, if there is something to see.
fn update(chat: &Chat, user: &HotUser, now: i64, change: impl FnOnce(&mut Entry)) {
    let seen = |entry: Option<Entry>| entry.map(|entry| (entry.state, entry.status)).unwrap_or_default();
    let before = seen(chat.presence.entry(&user.id));
    let (told, shared) = {
        let mut entry = chat.presence.here.entry(user.id.clone()).or_default();
        let before = (entry.state, entry.status.clone());
        change(&mut entry);
        (before != (entry.state, entry.status.clone()), shared(&user.id, &entry))
    };
    if !told {
        return;
    }
    cluster::tell(chat, &Message::Presence { node_id: &chat.node_id, entry: shared });
    if before != seen(chat.presence.entry(&user.id)) {
        tell(chat, &user.id, &joined(user));
    }
    if chat.presence.here.len() > MAX_ENTRIES {
        chat.presence.here.retain(|_, entry| entry.state != State::Offline || now - entry.seen_ts < OFFLINE_AFTER_MS);
    }
}

fn shared(user_id: &str, entry: &Entry) -> Shared {
    let status = entry.status.as_deref().map(str::to_owned);
    Shared { user_id: user_id.to_owned(), state: entry.state, status, active_ts: entry.active_ts }
}

/// Tells the people here who are in these rooms.
fn tell(chat: &Chat, user_id: &Arc<str>, rooms: &[Arc<str>]) {
    let mut told = std::collections::HashSet::new();
    for room_id in rooms {
        if chat.hub.audience_size(room_id) > chat.config.presence.max_room_members {
            continue;
        }
        for other in chat.hub.audience(room_id) {
            if told.insert(Arc::as_ptr(&other)) {
                {
                    let mut inner = other.inner.lock();
                    let clock = inner.tick();
                    inner.presence.set(user_id, clock);
                }
                other.wake();
            }
        }
    }
}

/// Somebody's presence at another node.
pub(crate) fn heard(chat: &Arc<Chat>, node_id: &str, entry: Shared) {
    if !chat.config.presence.enabled {
        return;
    }
    let now = chat.env.now();
    let Shared { user_id, state, status, active_ts } = entry;
    let status = status.map(Into::into);
    change_away(chat, &user_id.into(), |nodes| {
        let entry = nodes.entry(node_id.into()).or_default();
        entry.turn(state, now);
        *entry = Entry { status, active_ts, seen_ts: now, ..*entry };
    });
}

/// Changes what is known of a user at other nodes, and tells those who may see it, if there is something to see.
fn change_away(chat: &Arc<Chat>, user_id: &Arc<str>, change: impl FnOnce(&mut HashMap<Arc<str>, Entry>)) {
    let seen = |entry: Option<Entry>| entry.map(|entry| (entry.state, entry.status)).unwrap_or_default();
    let before = seen(chat.presence.entry(user_id));
    change(&mut chat.presence.away.entry(user_id.clone()).or_default());
    if before == seen(chat.presence.entry(user_id)) {
        return;
    }
    let (chat, user_id) = (chat.clone(), user_id.clone());
    tokio::spawn(async move {
        let rooms = match chat.hub.peek(&user_id) {
            Some(user) => joined(&user),
            None => match user_rooms::joined(&chat.db, chat.user_shard(&user_id), &user_id).await {
                Ok(rooms) => rooms,
                Err(error) => return tracing::debug!(name: "presence.tell", %error, "nobody was told who is here"),
            },
        };
        tell(&chat, &user_id, &rooms);
    });
}

/// Keeps a snapshot of who is here for the other nodes, and reads theirs. Called every few seconds.
pub(crate) async fn share(chat: &Arc<Chat>) {
    let Some(bus) = &chat.bus else { return };
    if !chat.config.presence.enabled {
        return;
    }
    let here: Vec<Shared> = chat
        .presence
        .here
        .iter()
        .filter(|entry| entry.state != State::Offline)
        .map(|entry| shared(entry.key(), &entry))
        .collect();
    if let Ok(bytes) = postcard::to_stdvec(&here) {
        bus.put("presence", &chat.node_id, chat.seal.close(&bytes), SNAPSHOT_TTL);
    }
    // Without an answer everything stays as it was, until it is too old.
    for (node_id, bytes) in bus.all("presence").await.unwrap_or_default() {
        if node_id.as_str() != chat.node_id.as_ref() {
            let people = chat.seal.open(&bytes).and_then(|bytes| postcard::from_bytes::<Vec<Shared>>(bytes).ok());
            people.into_iter().flatten().for_each(|entry| heard(chat, &node_id, entry));
        }
    }
    let now = chat.env.now();
    for user_id in chat.presence.lost(now) {
        change_away(chat, &user_id, |nodes| {
            nodes.values_mut().filter(|entry| entry.is_lost(now)).for_each(|entry| entry.turn(State::Offline, now));
        });
    }
    chat.presence.forget(now);
}

/// Notices who has gone. Called every second or so.
pub(crate) fn expire(chat: &Chat, now: i64) {
    let gone = |entry: &Entry, user_id: &str| {
        entry.state != State::Offline
            && now - entry.seen_ts > OFFLINE_AFTER_MS
            && chat.hub.peek(user_id).is_none_or(|user| !user.in_use())
    };
    let users: Vec<_> =
        chat.presence.here.iter().filter(|entry| gone(entry, entry.key())).map(|entry| entry.key().clone()).collect();
    for user_id in users {
        match chat.hub.peek(&user_id) {
            Some(user) => update(chat, &user, now, |entry| entry.turn(State::Offline, now)),
            None => {
                chat.presence.here.remove(&user_id);
            }
        }
    }
}

/// A user's last connection has ended: gone at once rather than after the grace that long-polls get.
pub(crate) fn disconnected(chat: &Chat, user: &HotUser) {
    if let Some(mut entry) = chat.presence.here.get_mut(&user.id) {
        // A moment's grace: a page that reloads is not worth two announcements.
        entry.seen_ts = entry.seen_ts.min(chat.env.now() - OFFLINE_AFTER_MS + 5_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(presence: &Presence, user_id: &str, state: State, now: i64) {
        let mut nodes = presence.away.entry(user_id.into()).or_default();
        let entry = nodes.entry("node".into()).or_default();
        entry.turn(state, now);
        entry.seen_ts = now;
    }

    #[test]
    fn whose_node_is_silent_is_lost_and_who_went_long_ago_is_forgotten() {
        let presence = Presence::default();
        heard(&presence, "@silent", State::Online, 1);
        heard(&presence, "@here", State::Online, AWAY_AFTER_MS);
        heard(&presence, "@gone", State::Online, 1);
        heard(&presence, "@gone", State::Offline, 2);
        heard(&presence, "@never", State::Offline, 2);
        let now = AWAY_AFTER_MS + 2;
        assert_eq!(presence.lost(now).iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["@silent"]);
        assert!(presence.is_away("@here") && !presence.is_away("@gone"));
        let known = |now| {
            presence.forget(now);
            let mut known: Vec<_> = presence.away.iter().map(|nodes| nodes.key().to_string()).collect();
            known.sort_unstable();
            known
        };
        assert_eq!(known(GONE_MS + 1), ["@gone", "@here", "@silent"]);
        assert_eq!(known(GONE_MS + 2), ["@here", "@silent"]);
    }
}
