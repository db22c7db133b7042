//! Who is here. Kept in memory only; told to people who share a room, in rooms that are not too large for it.

use std::sync::Arc;

use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use store::accounts::directory;

use crate::{Chat, Error, Result, sessions::Session, sync::user::HotUser};

/// Who has not synced for so long is gone, milliseconds.
const OFFLINE_AFTER_MS: i64 = 30_000;
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
}

/// Everyone's presence.
#[derive(Default)]
pub(crate) struct Presence(DashMap<Arc<str>, Entry>);

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
        let entry = self.0.get(user_id)?;
        let ago = (entry.active_ts > 0).then(|| (now - entry.active_ts).max(0));
        Some(PresenceEvent {
            user_id: user_id.clone(),
            state: entry.state,
            status: entry.status.clone(),
            last_active_ago: ago,
            currently_active: entry.state == State::Online && ago.is_some_and(|ago| ago < ACTIVE_MS),
        })
    }

    /// Who is here among the people in these rooms.
    pub(crate) fn visible_to<'a>(&self, chat: &Chat, rooms: impl Iterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
        let mut seen = std::collections::BTreeSet::new();
        for room_id in rooms.filter(|room| chat.hub.audience_size(room) <= chat.config.presence.max_room_members) {
            seen.extend(chat.hub.audience(room_id).iter().map(|user| user.id.clone()));
        }
        let here = |user: &Arc<str>| self.0.get(user).is_some_and(|entry| entry.state != State::Offline);
        seen.into_iter().filter(here).collect()
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
            entry.state = state;
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
        entry.state = state;
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
    let Some(other) = chat.hub.peek(other) else { return share_a_room(chat, user_id, other).await };
    let inner = other.inner.lock();
    Ok(rooms.iter().any(|room| inner.rooms.get(room).is_some_and(|tie| tie.membership == "join")))
}

/// The rooms that the user is in.
pub(crate) fn joined(user: &HotUser) -> Vec<Arc<str>> {
    let inner = user.inner.lock();
    inner.rooms.iter().filter(|(_, tie)| tie.membership == "join").map(|(room, _)| room.clone()).collect()
}

/// Changes an entry and tells those who may see it, if there is something to see.
fn update(chat: &Chat, user: &HotUser, now: i64, change: impl FnOnce(&mut Entry)) {
    let told = {
        let mut entry = chat.presence.0.entry(user.id.clone()).or_default();
        let before = (entry.state, entry.status.clone());
        change(&mut entry);
        before != (entry.state, entry.status.clone())
    };
    if !told {
        return;
    }
    tell(chat, user);
    if chat.presence.0.len() > MAX_ENTRIES {
        chat.presence.0.retain(|_, entry| entry.state != State::Offline || now - entry.seen_ts < OFFLINE_AFTER_MS);
    }
}

fn tell(chat: &Chat, user: &HotUser) {
    let mut told = std::collections::HashSet::new();
    for room_id in joined(user) {
        if chat.hub.audience_size(&room_id) > chat.config.presence.max_room_members {
            continue;
        }
        for other in chat.hub.audience(&room_id) {
            if told.insert(Arc::as_ptr(&other)) {
                {
                    let mut inner = other.inner.lock();
                    let clock = inner.tick();
                    inner.presence.set(&user.id, clock);
                }
                other.wake();
            }
        }
    }
}

/// Notices who has gone. Called every second or so.
pub(crate) fn expire(chat: &Chat, now: i64) {
    let gone = |entry: &Entry, user_id: &str| {
        entry.state != State::Offline
            && now - entry.seen_ts > OFFLINE_AFTER_MS
            && chat.hub.peek(user_id).is_none_or(|user| !user.in_use())
    };
    let users: Vec<_> =
        chat.presence.0.iter().filter(|entry| gone(entry, entry.key())).map(|entry| entry.key().clone()).collect();
    for user_id in users {
        match chat.hub.peek(&user_id) {
            Some(user) => update(chat, &user, now, |entry| entry.state = State::Offline),
            None => {
                chat.presence.0.remove(&user_id);
            }
        }
    }
}

/// A user's last connection has ended: gone at once rather than after the grace that long-polls get.
pub(crate) fn disconnected(chat: &Chat, user: &HotUser) {
    if let Some(mut entry) = chat.presence.0.get_mut(&user.id) {
        // A moment's grace: a page that reloads is not worth two announcements.
        entry.seen_ts = entry.seen_ts.min(chat.env.now() - OFFLINE_AFTER_MS + 5_000);
    }
}
