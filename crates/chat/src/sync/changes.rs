//! `changes(user, since)`: the one function behind every way to sync. The transports only translate its answer.
//!
//! Rooms are read first and to-device messages last, so that keys sent before a message arrive with it or before it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::value::{RawValue, to_raw_value};
use store::{log::Event, to_device};
use tokio::time::timeout;

use super::{
    moment::{Moment, Snapshot, moment, position},
    position::{Stamp, Token},
    room_changes::{self, JoinedRoom, LeftRoom, Span},
    user::{HotUser, Tie},
};
use crate::{
    Chat, Error, Result,
    filters::Filter,
    presence::{self, PresenceEvent},
    push_rules::{self, Quiet},
    sessions::{self, Session},
};

/// To-device messages in one answer.
const TO_DEVICE_LIMIT: i64 = 100;
/// How long a request waits until messages are removed that its device has.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(1);

/// What a device asks for.
pub struct Request {
    /// Who asks.
    pub session: Arc<Session>,
    /// Where the device stands; none for everything.
    pub since: Option<Token>,
    /// What it wants to hear of.
    pub filter: Arc<Filter>,
    /// All of the rooms' state is wanted.
    pub full_state: bool,
}

/// What is new to a device.
#[derive(Debug)]
pub struct Changes {
    /// Where the device stands when it has taken this in.
    pub next: Token,
    /// Rooms that the user is in.
    pub joined: Vec<(Arc<str>, JoinedRoom)>,
    /// Rooms that the user is invited to, with some of their state.
    pub invited: Vec<(Arc<str>, Vec<Arc<Event>>)>,
    /// Rooms that the user has knocked on, with some of their state.
    pub knocked: Vec<(Arc<str>, Vec<Arc<Event>>)>,
    /// Rooms that the user has left.
    pub left: Vec<(Arc<str>, LeftRoom)>,
    /// Global account data, by type.
    pub account_data: Vec<(Arc<str>, Arc<RawValue>)>,
    /// Presence of people the user shares rooms with.
    pub presence: Vec<PresenceEvent>,
    /// Messages for the device, oldest first.
    pub to_device: Vec<Arc<RawValue>>,
    /// Whether anything in it is news. What is in no log is told again to who comes from another node, and if that ended
    /// a wait, who is sent to another node for each request would never wait.
    pub any_news: bool,
    /// Whether there is more to be told than fits into one answer.
    pub more: bool,
}

/// What is new to the device since its token. Does not wait.
pub async fn changes(chat: &Chat, user: &HotUser, request: &Request) -> Result<Changes> {
    let since = request.since.as_ref();
    // A stamp counts only for the instance that gave it out; otherwise everything that is in no log is told again.
    let clock = since.map(|since| since.stamp).filter(|stamp| stamp.generation == user.generation).map(|s| s.clock);
    let Some(Moment { until, snapshot, more }) = moment(chat, user, request, clock).await? else {
        // It is of another server, or the store was put back and no epoch begun: who waited for what it is ahead of would
        // hear of nothing till then.
        chat.hub.counts.tokens_ahead.fetch_add(1, Ordering::Relaxed);
        let (session, filter) = (request.session.clone(), request.filter.clone());
        let anew = Request { session, since: None, filter, full_state: request.full_state };
        return Box::pin(changes(chat, user, &anew)).await;
    };
    let mut answer = Changes {
        next: Token { shards: until.clone(), to_device: 0, stamp: snapshot.stamp },
        joined: Vec::new(),
        invited: Vec::new(),
        knocked: Vec::new(),
        left: Vec::new(),
        account_data: Vec::new(),
        presence: Vec::new(),
        to_device: Vec::new(),
        any_news: false,
        more,
    };
    for (room_id, tie) in &snapshot.rooms {
        room(chat, user, request, &snapshot, (room_id, tie), (&until, clock), &mut answer).await?;
    }
    let user_since = since.map(|since| position(&since.shards, chat.user_shard(&user.id)));
    answer.account_data = account_data(user, "", user_since, &request.filter.account_data);
    if since.is_none() && request.filter.account_data.admits(push_rules::TYPE, None) {
        default_push_rules(chat, request, &mut answer).await?;
    }
    answer.presence = presence_events(chat, user, &snapshot, clock, request).await?;
    to_device(chat, user, request, &mut answer).await?;
    answer.any_news = answer.any_news
        || !answer.invited.is_empty()
        || !answer.knocked.is_empty()
        || !answer.left.is_empty()
        || !answer.account_data.is_empty()
        || !answer.to_device.is_empty()
        || answer.presence.iter().any(|event| snapshot.is_presence_news(&event.user_id));
    Ok(answer)
}

async fn room(
    chat: &Chat,
    user: &HotUser,
    request: &Request,
    snapshot: &Snapshot,
    (room_id, tie): (&Arc<str>, &Tie),
    (until, clock): (&[i64], Option<u64>),
    answer: &mut Changes,
) -> Result<()> {
    let filter = &request.filter;
    if tie.forgotten || !filter.room.admits_room(room_id) {
        return Ok(());
    }
    let shard = chat.room_shard(room_id);
    let until = position(until, shard);
    let since = request.since.as_ref().map(|since| position(&since.shards, shard));
    let begun = since.is_none_or(|since| tie.pos > since);
    let left = matches!(tie.membership, "leave" | "ban");
    if left && (!begun || (since.is_none() && !filter.room.include_leave)) {
        return Ok(());
    }
    // This node knows the logs up to `until`, and tells of nothing later.
    let Some(room) = chat.known_room(room_id).await? else { return Ok(()) };
    let user_id = &user.id;
    let fresh = begun && !left;
    let mut span = Span { chat, user_id, filter, since, until, full_state: request.full_state, fresh };
    match tie.membership {
        "join" => {
            let mut news = room_changes::joined(&span, &room).await?;
            let user_since = request.since.as_ref().map(|since| position(&since.shards, chat.user_shard(user_id)));
            let user_since = if fresh { None } else { user_since };
            news.account_data = account_data(user, room_id, user_since, &filter.room.account_data.event);
            if filter.room.ephemeral.event.admits("m.typing", None)
                && (snapshot.typing.contains(room_id) || (clock.is_none() || fresh) && room.is_anyone_typing())
            {
                news.typing = Some(room.typing(chat.env.now()));
            }
            let quiet = user.inner.lock().quiet.get(room_id).copied();
            news.unread = match (quiet, news.unread) {
                (None, unread) => unread,
                (Some(Quiet::MentionsOnly), (_, mentions)) => (mentions, mentions),
                (Some(Quiet::Muted), _) => (0, 0),
            };
            let any_news = news.any || !news.account_data.is_empty();
            answer.any_news |= any_news || news.typing.is_some() && snapshot.is_typing_news(room_id);
            if any_news || news.typing.is_some() {
                answer.joined.push((room_id.clone(), news));
            }
        }
        "invite" | "knock" if begun || request.full_state => {
            let state = stripped_state(&room, user_id);
            let list = if tie.membership == "invite" { &mut answer.invited } else { &mut answer.knocked };
            list.push((room_id.clone(), state));
        }
        "leave" | "ban" => {
            span.until = span.until.min(tie.pos);
            answer.left.push((room_id.clone(), room_changes::left(&span, &room).await?));
        }
        _ => {}
    }
    Ok(())
}

/// What somebody who is not in the room is told of it. Client-Server API, "Stripped state".
fn stripped_state(room: &crate::Room, user_id: &str) -> Vec<Arc<Event>> {
    const TYPES: [&str; 7] = [
        "m.room.create",
        "m.room.name",
        "m.room.avatar",
        "m.room.topic",
        "m.room.join_rules",
        "m.room.canonical_alias",
        "m.room.encryption",
    ];
    let inner = room.inner.read();
    let mut state: Vec<_> = TYPES.iter().filter_map(|kind| inner.get(kind, "").cloned()).collect();
    let own = inner.get("m.room.member", user_id).cloned();
    let inviter = own.as_ref().and_then(|event| inner.get("m.room.member", &event.sender).cloned());
    state.extend(inviter.filter(|event| event.state_key.as_deref() != Some(user_id)));
    state.extend(own);
    state
}

fn account_data(
    user: &HotUser,
    room_id: &str,
    since: Option<i64>,
    filter: &crate::filters::EventFilter,
) -> Vec<(Arc<str>, Arc<RawValue>)> {
    let inner = user.inner.lock();
    let newer = inner.account_data_since(room_id, since.unwrap_or(0));
    newer.filter(|(kind, _)| filter.admits(kind, None)).map(|(kind, data)| (kind.clone(), data.json.clone())).collect()
}

/// A client needs the push rules from the first answer on, also while the user has changed none.
async fn default_push_rules(chat: &Chat, request: &Request, answer: &mut Changes) -> Result<()> {
    if answer.account_data.iter().all(|(kind, _)| kind.as_ref() != push_rules::TYPE) {
        let rules = push_rules::all(chat, &request.session.user_id).await?;
        let rules = to_raw_value(&serde_json::json!({ "global": rules })).map_err(|e| Error::invalid(e.to_string()))?;
        answer.account_data.push((push_rules::TYPE.into(), rules.into()));
    }
    Ok(())
}

async fn presence_events(
    chat: &Chat,
    user: &HotUser,
    snapshot: &Snapshot,
    clock: Option<u64>,
    request: &Request,
) -> Result<Vec<PresenceEvent>> {
    let filter = &request.filter.presence;
    if !filter.admits("m.presence", None) || clock.is_some() && snapshot.presence.is_empty() {
        return Ok(Vec::new());
    }
    let now = chat.env.now();
    let rooms = presence::joined(user);
    let mut whom: Vec<Arc<str>> = Vec::new();
    match clock {
        Some(_) => {
            let known = |user: &&Arc<str>| chat.presence.event(user, now).is_some();
            for other in snapshot.presence.iter().filter(known) {
                // Who was met when it changed may be a stranger by now.
                if presence::meets(chat, &user.id, &rooms, other).await? {
                    whom.push(other.clone());
                }
            }
            // Who joins learns who is there. The hub has marked those whom it knows, the user among them, which leads here;
            // of people at other nodes it does not know.
            let came = snapshot.rooms.iter().filter(|(room_id, tie)| {
                let since = request.since.as_ref().map_or(0, |since| position(&since.shards, chat.room_shard(room_id)));
                tie.membership == "join" && tie.pos > since
            });
            whom.extend(chat.presence.visible_to(chat, came.map(|(room_id, _)| room_id), None));
        }
        // A client that knows nothing yet is told of everyone who is here; one that comes from another node, also of who
        // has gone lately.
        None => {
            let gone_since = request.since.as_ref().map(|_| now - presence::GONE_MS);
            whom = chat.presence.visible_to(chat, rooms.iter(), gone_since);
            // What its user does is no news to it, and must not end its wait.
            whom.retain(|other| request.since.is_none() || *other != user.id);
        }
    }
    whom.sort_unstable();
    whom.dedup();
    let admitted = whom.iter().filter(|user| filter.admits("m.presence", Some(user)));
    Ok(admitted.filter_map(|user| chat.presence.event(user, now)).collect())
}

async fn to_device(chat: &Chat, user: &HotUser, request: &Request, answer: &mut Changes) -> Result<()> {
    let device_id = &request.session.device_id;
    let seen = request.since.as_ref().map_or(0, |since| since.to_device);
    answer.next.to_device = seen;
    let shard = chat.user_shard(&user.id);
    // Not past the cursor: a query can see what is not on disk yet, and a token must not.
    let until = chat.hub.cursor(shard);
    let newest = user.inner.lock().to_device.get(device_id).map(|newest| (*newest).min(until));
    let Some(newest) = newest.filter(|newest| *newest > seen) else { return Ok(()) };
    let messages = to_device::after(&chat.db, shard, &user.id, device_id, seen, newest, TO_DEVICE_LIMIT + 1).await?;
    // All messages of one commit go together, since a token stands between commits.
    let cut = match messages.get(TO_DEVICE_LIMIT as usize) {
        Some(first_left) => {
            let fits = messages.iter().take_while(|message| message.pos < first_left.pos).count();
            if fits == 0 { messages.len() } else { fits }
        }
        None => messages.len(),
    };
    let last = messages.get(cut.wrapping_sub(1)).map_or(seen, |message| message.pos);
    let all = cut == messages.len();
    answer.more |= !all;
    answer.next.to_device = if all { last.max(newest) } else { last };
    answer.to_device = messages.into_iter().take(cut).map(|message| message.json).collect();
    Ok(())
}

/// The device has taken in everything up to its token: what it was sent by then need not be kept.
pub async fn acknowledge(chat: &Chat, user: &HotUser, device_id: &str, token: &Token) -> Result<()> {
    if token.to_device == 0 {
        return Ok(());
    }
    let shard = chat.user_shard(&user.id);
    // Another node may have given out what this one has yet to hear of.
    let ends = chat.freshness.reached(Some(&token.shards), shard).await?;
    if token.ahead_of(&ends) > 0 || !user.inner.lock().to_device.contains_key(device_id) {
        return Ok(());
    }
    let statement = to_device::acknowledge(shard, &user.id, device_id, token.to_device);
    match timeout(ACKNOWLEDGED_WITHIN, chat.db.write(shard, vec![statement])).await {
        Ok(Ok(_)) => {}
        // Reading goes on where nothing can be written: the token keeps them from coming again, and the next one removes them.
        Err(_) | Ok(Err(store::Error::Full | store::Error::Overloaded | store::Error::Unavailable)) => return Ok(()),
        Ok(Err(error)) => return Err(error.into()),
    }
    let mut inner = user.inner.lock();
    if inner.to_device.get(device_id).is_some_and(|newest| *newest <= token.to_device) {
        inner.to_device.remove(device_id);
    }
    Ok(())
}

/// A device that syncs: keeps the user in memory and waits for news.
pub struct Follower {
    user: super::user::UserGuard,
    chat: Arc<Chat>,
    /// The user's clock when the session was last known to stand: only a sign-out after it concerns this follower.
    stood: AtomicU64,
}

impl Follower {
    /// Starts to follow. `at_once`: the first answer is given without waiting for news, and has everything that was
    /// acknowledged before this call.
    ///
    /// # Errors
    /// As [`sessions::authenticate`], if the device was signed out meanwhile.
    pub async fn new(chat: Arc<Chat>, session: &Session, at_once: bool) -> Result<Self> {
        if at_once {
            chat.fresh().await?;
        }
        let user = chat.known_user(session.user_id.as_str()).await?;
        let stood = AtomicU64::new(user.inner.lock().clock);
        // A sign-out ends the session before it marks the user in memory: one that came before `stood` is seen here.
        sessions::of_token(&chat, session.token_hash).await?;
        Ok(Self { user, chat, stood })
    }

    /// What is new, now.
    pub async fn changes(&self, request: &Request) -> Result<Changes> {
        changes(&self.chat, &self.user, request).await
    }

    /// The device is told these changes now.
    pub fn tell(&self, device_id: &Arc<str>, changes: &Changes) {
        let Stamp { generation, clock } = changes.next.stamp;
        if generation == self.user.generation {
            self.user.inner.lock().told.insert(device_id.clone(), clock);
        }
    }

    /// [`acknowledge`]
    pub async fn acknowledge(&self, device_id: &str, token: &Token) -> Result<()> {
        acknowledge(&self.chat, &self.user, device_id, token).await
    }

    /// Completes at the next news. Call before [`Follower::changes`] and await it after, so that nothing falls between.
    pub fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.user.news.notified()
    }

    /// Fails if the session has ended.
    ///
    /// # Errors
    /// As [`sessions::authenticate`].
    pub async fn stands(&self, session: &Session) -> Result<()> {
        let clock = {
            let inner = self.user.inner.lock();
            let device_id = &*session.device_id;
            let others = inner.others_gone.as_ref().filter(|(kept, _)| kept.as_ref() != device_id).map(|(_, at)| at);
            let gone = inner.gone.get(device_id).into_iter().chain(others).max();
            if gone.is_none_or(|at| *at <= self.stood.load(Ordering::Relaxed)) {
                return Ok(());
            }
            inner.clock
        };
        // The device may have signed in again, by another node: then it was its session of before that ended.
        sessions::of_token(&self.chat, session.token_hash).await?;
        self.stood.store(clock, Ordering::Relaxed);
        Ok(())
    }

    /// The user asks for news, as present as `state` says.
    pub fn seen(&self, state: presence::State) {
        presence::seen(&self.chat, &self.user, state);
    }

    /// A socket has closed: if it was the user's last, the user is gone sooner than one who polls.
    pub fn disconnected(&self) {
        if self.user.users.load(Ordering::Relaxed) == 1 {
            presence::disconnected(&self.chat, &self.user);
        }
    }
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
