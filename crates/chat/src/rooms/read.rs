//! Reading a room: its history in both directions, single events, its state and members, as far as the user may see them.

use std::sync::Arc;

use store::{events, log::Event, rooms};

use super::{
    room::{Inner, Room, membership_of},
    send,
    visibility::{self, View},
};
use crate::{
    Chat, Error, Result,
    filters::RoomEventFilter,
    sessions::Session,
    sync::{position::Token, room_changes::admits},
};

/// Events on one page at most.
const MAX_PAGE: usize = 1000;
/// Events looked at for one page: a filter that lets little through gets a short page and a token to go on.
const MAX_SCAN: usize = 5000;

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Towards older events.
    Backward,
    /// Towards newer events.
    Forward,
}

/// A page of a room's history.
#[derive(Debug, Default)]
pub struct Page {
    /// In the direction of reading.
    pub events: Vec<Arc<Event>>,
    /// The member events of the senders, if they are loaded lazily.
    pub members: Vec<Arc<Event>>,
    /// Where the page begins.
    pub start: String,
    /// Where the next one does; none at the end.
    pub end: Option<String>,
}

/// The place between two events of a room, as a token: before the event numbered `seq`.
pub fn place(seq: i64) -> String {
    format!("t{seq}")
}

/// The room, and what the user may see of it.
pub(crate) async fn readable(chat: &Chat, session: &Session, room_id: &str) -> Result<(Arc<Room>, View)> {
    let room = chat.room(room_id).await?.ok_or_else(send::not_in_room)?;
    let view = visibility::view(chat, &room, session.user_id.as_str()).await?;
    if view.is_open() { Ok((room, view)) } else { Err(send::not_in_room()) }
}

/// Resolves a token of [`place`] or of a sync to the number of the event after it.
async fn seq_of(chat: &Chat, room: &Room, token: &str) -> Result<i64> {
    let invalid = || Error::invalid("This is not a place in this room's history.");
    if let Some(seq) = token.strip_prefix('t') {
        return seq.parse().ok().filter(|seq| *seq >= 0).ok_or_else(invalid);
    }
    let token: Token = token.parse().map_err(|_| invalid())?;
    let pos = token.shards.get(room.shard as usize).copied().ok_or_else(invalid)?;
    Ok(events::seq_at(&chat.db, room.shard, &room.id, pos).await? + 1)
}

/// What to read of a room's history.
#[derive(Debug)]
pub struct HistoryRequest<'a> {
    /// Which way.
    pub direction: Direction,
    /// Where to begin; the newest or the oldest event without.
    pub from: Option<&'a str>,
    /// Where to stop.
    pub to: Option<&'a str>,
    /// Events on the page.
    pub limit: usize,
    /// Which events.
    pub filter: &'a RoomEventFilter,
}

/// A page of the room's history.
///
/// # Errors
/// M_FORBIDDEN, M_INVALID_PARAM for a token that is none.
pub async fn history(chat: &Chat, session: &Session, room_id: &str, request: &HistoryRequest<'_>) -> Result<Page> {
    let (room, view) = readable(chat, session, room_id).await?;
    let backward = request.direction == Direction::Backward;
    let mut at = match request.from {
        Some(token) => seq_of(chat, &room, token).await?,
        None if backward => view.head + 1,
        None => 1,
    };
    let stop = match request.to {
        Some(token) => seq_of(chat, &room, token).await?,
        None if backward => 0,
        None => i64::MAX,
    };
    let stop = if backward { stop } else { stop.min(view.head + 1) };
    let limit = request.limit.clamp(1, MAX_PAGE);
    let mut page = Page { start: place(at), ..Page::default() };
    let mut scanned = 0;
    let mut ended = !request.filter.admits_room(room_id);
    while !ended && page.events.len() < limit && scanned < MAX_SCAN {
        let want = limit - page.events.len();
        let batch = batch(chat, &room, at, backward, want).await?;
        ended = batch.len() < want;
        scanned += batch.len();
        for event in batch {
            if backward && event.seq < stop || !backward && event.seq >= stop {
                ended = true;
                break;
            }
            at = if backward { event.seq } else { event.seq + 1 };
            if view.sees(event.seq) && (request.filter.admits_all() || admits(request.filter, &event)) {
                page.events.push(event);
            }
        }
    }
    chat.hub.erased.copies(&room, &view, &mut page.events)?;
    let at_creation = backward && at <= 1;
    page.end = (!ended && !at_creation).then(|| place(at));
    if request.filter.lazy_load_members {
        page.members = senders(&room, &page.events);
    }
    Ok(page)
}

/// Events before or from `at` on: from memory where it reaches that far, otherwise from the store.
async fn batch(chat: &Chat, room: &Room, at: i64, backward: bool, want: usize) -> Result<Vec<Arc<Event>>> {
    let cached = {
        let inner = room.inner.read();
        let first = inner.ring.front().map_or(i64::MAX, |event| event.seq);
        let index = |seq: i64| usize::try_from(seq - first).unwrap_or(0).min(inner.ring.len());
        if backward {
            let end = index(at);
            let enough = end >= want || first <= 1;
            (at > first && enough).then(|| inner.ring.range(..end).rev().take(want).cloned().collect::<Vec<_>>())
        } else {
            (at >= first).then(|| inner.ring.range(index(at)..).take(want).cloned().collect())
        }
    };
    if let Some(events) = cached {
        return Ok(events);
    }
    let want = want as i64;
    Ok(if backward {
        events::before(&chat.db, room.shard, &room.id, at, 0, want).await?
    } else {
        events::from(&chat.db, room.shard, &room.id, at, want).await?
    })
}

fn senders(room: &Room, events: &[Arc<Event>]) -> Vec<Arc<Event>> {
    let inner = room.inner.read();
    let senders: std::collections::BTreeSet<_> = events.iter().map(|event| event.sender.clone()).collect();
    senders.iter().filter_map(|sender| inner.get("m.room.member", sender).cloned()).collect()
}

/// One event.
///
/// # Errors
/// M_NOT_FOUND if there is none, or none that the user may see.
pub async fn event(chat: &Chat, session: &Session, room_id: &str, event_id: &str) -> Result<Arc<Event>> {
    let unknown = || Error::not_found("There is no such message, or you may not see it.");
    let Ok((room, view)) = readable(chat, session, room_id).await else { return Err(unknown()) };
    let event = events::by_id(&chat.db, room.shard, room_id, event_id).await?;
    let mut event = event.filter(|event| view.sees(event.seq)).ok_or_else(unknown)?;
    chat.hub.erased.copies(&room, &view, std::slice::from_mut(&mut event))?;
    Ok(event)
}

/// An event with what stands around it.
#[derive(Debug)]
pub struct Context {
    /// The event.
    pub event: Arc<Event>,
    /// Older ones, newest first.
    pub before: Vec<Arc<Event>>,
    /// Newer ones, oldest first.
    pub after: Vec<Arc<Event>>,
    /// Where older history begins.
    pub start: String,
    /// Where newer history begins.
    pub end: String,
    /// The room's state at the last event.
    pub state: Vec<Arc<Event>>,
}

/// The event and `limit` events around it.
///
/// # Errors
/// M_NOT_FOUND.
pub async fn context(
    chat: &Chat,
    session: &Session,
    room_id: &str,
    event_id: &str,
    limit: usize,
    filter: &RoomEventFilter,
) -> Result<Context> {
    let event = event(chat, session, room_id, event_id).await?;
    let around = |direction, seq: i64, limit| async move {
        let from = place(seq);
        if limit == 0 {
            return Ok(Page { end: Some(from), ..Page::default() });
        }
        let request = HistoryRequest { direction, from: Some(&from), to: None, limit, filter };
        history(chat, session, room_id, &request).await
    };
    // The limit is one of both sides together.
    let limit = limit.min(MAX_PAGE);
    let before = around(Direction::Backward, event.seq, limit / 2).await?;
    let after = around(Direction::Forward, event.seq + 1, limit - limit / 2).await?;
    let (room, view) = readable(chat, session, room_id).await?;
    let last = after.events.last().unwrap_or(&event).seq;
    // Who was only invited may read an event, and yet not the room's state.
    let mut state = match view.until() {
        Some(until) => rooms::state_at(&chat.db, room.shard, room_id, last.min(until).saturating_add(1)).await?,
        None => Vec::new(),
    };
    if filter.lazy_load_members {
        let shown: Vec<_> =
            before.events.iter().chain([&event]).chain(&after.events).map(|e| e.sender.clone()).collect();
        state.retain(|event| {
            event.kind.as_ref() != "m.room.member" || event.state_key.as_ref().is_some_and(|user| shown.contains(user))
        });
    }
    Ok(Context {
        start: before.end.unwrap_or_else(|| place(before.events.last().map_or(event.seq, |event| event.seq))),
        end: after.end.unwrap_or_else(|| place(last + 1)),
        before: before.events,
        after: after.events,
        event,
        state,
    })
}

/// What the user may see of a room's state.
enum State<T> {
    /// What was asked of the present one.
    Now(T),
    /// Only that as of this event.
    At(Arc<Room>, i64),
}

async fn state_of<T>(chat: &Chat, session: &Session, room_id: &str, present: impl Fn(&Inner) -> T) -> Result<State<T>> {
    loop {
        let (room, view) = readable(chat, session, room_id).await?;
        match view.until() {
            None => return Err(send::not_in_room()),
            Some(i64::MAX) => {
                let inner = room.inner.read();
                // Who has been removed since is looked at again.
                if view.is_current(&inner, session.user_id.as_str()) {
                    return Ok(State::Now(present(&inner)));
                }
            }
            Some(seq) => return Ok(State::At(room, seq)),
        }
    }
}

/// The room's state: the present one for members, the one of the leave for those who left.
///
/// # Errors
/// M_FORBIDDEN.
pub async fn state(chat: &Chat, session: &Session, room_id: &str) -> Result<Vec<Arc<Event>>> {
    let whole = |inner: &Inner| {
        let mut state: Vec<_> = inner.all_state().cloned().collect();
        state.sort_unstable_by_key(|event| event.seq);
        state
    };
    match state_of(chat, session, room_id, whole).await? {
        State::Now(state) => Ok(state),
        State::At(room, seq) => Ok(rooms::state_at(&chat.db, room.shard, room_id, seq + 1).await?),
    }
}

/// One state event.
///
/// # Errors
/// M_FORBIDDEN, M_NOT_FOUND.
pub async fn state_event(
    chat: &Chat,
    session: &Session,
    room_id: &str,
    kind: &str,
    state_key: &str,
) -> Result<Arc<Event>> {
    let event = match state_of(chat, session, room_id, |inner| inner.get(kind, state_key).cloned()).await? {
        State::Now(event) => event,
        State::At(room, seq) => rooms::state_before(&chat.db, room.shard, room_id, kind, state_key, seq + 1).await?,
    };
    event.ok_or_else(|| Error::not_found("The room has no such setting."))
}

/// The room's member events with a membership that `keep` wants, as of `at` if given.
///
/// # Errors
/// M_FORBIDDEN, M_INVALID_PARAM for a token that is none.
pub async fn members(
    chat: &Chat,
    session: &Session,
    room_id: &str,
    at: Option<&str>,
    keep: impl Fn(&str) -> bool,
) -> Result<Vec<Arc<Event>>> {
    let mut members = match at {
        None => state(chat, session, room_id).await?,
        Some(token) => {
            let (room, view) = readable(chat, session, room_id).await?;
            let seq = seq_of(chat, &room, token).await?;
            let until = view.until().ok_or_else(send::not_in_room)?;
            rooms::state_at(&chat.db, room.shard, room_id, seq.min(until.saturating_add(1))).await?
        }
    };
    members.retain(|event| event.kind.as_ref() == "m.room.member" && keep(membership_of(event)));
    Ok(members)
}

/// The joined members' events, for members.
///
/// # Errors
/// M_FORBIDDEN.
pub async fn joined_members(chat: &Chat, session: &Session, room_id: &str) -> Result<Vec<Arc<Event>>> {
    let room = chat.room(room_id).await?.ok_or_else(send::not_in_room)?;
    let inner = room.inner.read();
    if inner.get("m.room.member", session.user_id.as_str()).is_none_or(|event| membership_of(event) != "join") {
        return Err(send::not_in_room());
    }
    Ok(inner.members().filter(|(_, event)| membership_of(event) == "join").map(|(_, event)| event.clone()).collect())
}
