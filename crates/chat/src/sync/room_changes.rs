//! What is new in one room for one user between two positions.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde_json::value::RawValue;
use store::{
    events,
    log::{Event, Receipt},
    rooms,
};

use crate::{
    Chat, Result,
    filters::{Filter, RoomEventFilter},
    rooms::{
        Room,
        room::{Inner, content_as, membership_of},
        visibility,
    },
};

/// Timeline events of a room in a first answer, without a filter that says otherwise.
const INITIAL_LIMIT: usize = 20;
/// The same in a later answer.
const LIMIT: usize = 100;
/// The most that a filter can ask for.
const MAX_LIMIT: usize = 1000;
/// Events that are read from the store at once, at least, and for one answer, about.
const MIN_BATCH: usize = 50;
const MAX_SCAN: usize = 5_000;
/// State events between two positions that are read at most; more are taken from the current state.
const MAX_STATE_GAP: i64 = 10_000;

/// The events between a client's position and now.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Oldest first.
    pub events: Vec<Arc<Event>>,
    /// Whether older ones were left out.
    pub limited: bool,
    /// The number of the first event: older ones come before it.
    pub first_seq: i64,
}

/// What a client shows for a room without a name. Client-Server API, "Room Summary".
#[derive(Debug)]
pub struct Summary {
    /// Up to five other members.
    pub heroes: Vec<Arc<str>>,
    /// Joined members.
    pub joined: usize,
    /// Invited members.
    pub invited: usize,
}

/// What is new in a room that the user is in.
#[derive(Debug, Default)]
pub struct JoinedRoom {
    /// New events.
    pub timeline: Timeline,
    /// State that changed before the timeline and is not in it.
    pub state: Vec<Arc<Event>>,
    /// Present when memberships changed.
    pub summary: Option<Summary>,
    /// Receipts that moved.
    pub receipts: Vec<Receipt>,
    /// Who is typing, if that changed.
    pub typing: Option<Vec<Arc<str>>>,
    /// The user's account data for the room, by type.
    pub account_data: Vec<(Arc<str>, Arc<RawValue>)>,
    /// Unread messages and unread mentions.
    pub unread: (i64, i64),
    /// Whether anything is new.
    pub any: bool,
}

/// What is new in a room that the user has left.
#[derive(Debug, Default)]
pub struct LeftRoom {
    /// New events up to the leave.
    pub timeline: Timeline,
    /// State before the timeline.
    pub state: Vec<Arc<Event>>,
}

/// The part of a room's log that is asked for.
pub(crate) struct Span<'a> {
    pub(crate) chat: &'a Chat,
    pub(crate) user_id: &'a Arc<str>,
    pub(crate) filter: &'a Filter,
    /// After this position; none for everything.
    pub(crate) since: Option<i64>,
    /// Up to and including this position.
    pub(crate) until: i64,
    /// All of the state is wanted.
    pub(crate) full_state: bool,
    /// The membership began in the span, so the client knows nothing of the room.
    pub(crate) fresh: bool,
}

/// News of a room that the user is joined to. Typing and account data are added by the caller.
pub(crate) async fn joined(span: &Span<'_>, room: &Room) -> Result<JoinedRoom> {
    let since = if span.fresh { None } else { span.since };
    let mut timeline = timeline(span, room, since).await?;
    if span.fresh {
        let view = visibility::view(span.chat, room, span.user_id).await?;
        let before = timeline.events.len();
        // Who comes back has what was sent before, as far as it was a member's to see.
        let has = match span.since {
            Some(since) => view.joined_until(events::seq_at(&span.chat.db, room.shard, &room.id, since).await?),
            None => 0,
        };
        timeline.events.retain(|event| view.sees(event.seq) && event.seq > has);
        span.chat.hub.erased.copies(room, &view, &mut timeline.events)?;
        if timeline.events.len() < before {
            timeline.first_seq = timeline.events.first().map_or(timeline.first_seq, |event| event.seq);
        }
    }
    let whole = since.is_none() || span.full_state;
    let state = if whole {
        state_before(span, room, &timeline).await?
    } else {
        state_gap(span, room, since.unwrap_or(0), &timeline).await?
    };
    let inner = room.inner.read();
    let members_changed =
        whole || timeline.events.iter().chain(&state).any(|event| event.kind.as_ref() == "m.room.member");
    let receipts = receipts(&inner, since, span);
    let any = whole || !timeline.events.is_empty() || !state.is_empty() || !receipts.is_empty() || timeline.limited;
    let state = if span.filter.room.state.lazy_load_members {
        lazy_members(&inner, span, &timeline, state, whole)
    } else {
        state
    };
    Ok(JoinedRoom {
        summary: members_changed.then(|| summary(&inner, span.user_id)),
        state: admitted(state, &span.filter.room.state, &room.id),
        receipts,
        unread: inner.unread(span.user_id),
        timeline,
        any,
        ..JoinedRoom::default()
    })
}

/// News of a room that the user has left, up to the leave.
pub(crate) async fn left(span: &Span<'_>, room: &Room) -> Result<LeftRoom> {
    let since = if span.fresh { None } else { span.since };
    let mut timeline = timeline(span, room, since).await?;
    // They may have come back since: what that opens to them is told when that is.
    let last = events::seq_at(&span.chat.db, room.shard, &room.id, span.until).await?;
    let view = visibility::view(span.chat, room, span.user_id).await?.back_at(last);
    // Who declines, or is no longer invited, never saw the room; that it is over is for them all the same.
    let own_end = |event: &Event| {
        event.pos == span.until && &*event.kind == "m.room.member" && event.state_key.as_ref() == Some(span.user_id)
    };
    timeline.events.retain(|event| view.sees(event.seq) || own_end(event));
    span.chat.hub.erased.copies(room, &view, &mut timeline.events)?;
    timeline.first_seq = timeline.events.first().map_or(timeline.first_seq, |event| event.seq);
    let mut state = match view.until() {
        _ if since.is_some() && !span.full_state => state_gap(span, room, since.unwrap_or(0), &timeline).await?,
        Some(_) if !timeline.events.is_empty() => {
            rooms::state_at(&span.chat.db, room.shard, &room.id, timeline.first_seq).await?
        }
        _ => Vec::new(),
    };
    state.retain(|event| view.sees(event.seq) || view.until().is_some_and(|until| event.seq <= until));
    Ok(LeftRoom { state: admitted(state, &span.filter.room.state, &room.id), timeline })
}

fn admitted(mut events: Vec<Arc<Event>>, filter: &RoomEventFilter, room_id: &str) -> Vec<Arc<Event>> {
    if !filter.admits_room(room_id) {
        return Vec::new();
    }
    if !filter.admits_all() {
        events.retain(|event| admits(filter, event));
    }
    events
}

/// Whether the filter lets the event through.
pub(crate) fn admits(filter: &RoomEventFilter, event: &Event) -> bool {
    #[derive(serde::Deserialize)]
    struct Content<'a> {
        #[serde(borrow, default)]
        url: Option<&'a RawValue>,
    }
    let has_url = || content_as::<Content<'_>>(event).is_some_and(|content| content.url.is_some());
    filter.admits(&event.kind, Some(&event.sender), has_url)
}

async fn timeline(span: &Span<'_>, room: &Room, since: Option<i64>) -> Result<Timeline> {
    let filter = &span.filter.room.timeline;
    let after = since.unwrap_or(0);
    let limit = filter.event.limit(if since.is_some() { LIMIT } else { INITIAL_LIMIT }, MAX_LIMIT);
    let wanted = |event: &Arc<Event>| filter.admits_all() || admits(filter, event);
    let admitted = filter.admits_room(&room.id);
    // Newest first.
    let mut found: Vec<Arc<Event>> = Vec::new();
    let mut limited = false;
    let mut oldest = i64::MAX;
    let mut exhausted = false;
    {
        let inner = room.inner.read();
        for event in inner.ring.iter().rev().skip_while(|event| event.pos > span.until) {
            if event.pos <= after {
                exhausted = true;
                break;
            }
            if found.len() == limit || !admitted {
                limited = admitted && wanted(event);
                exhausted = true;
                break;
            }
            oldest = event.seq;
            if wanted(event) {
                found.push(event.clone());
            }
        }
        if inner.ring.front().is_none_or(|first| first.seq <= 1) {
            exhausted = true;
        }
        if oldest == i64::MAX {
            oldest = inner.ring.front().map_or(0, |first| first.seq);
        }
    }
    // What the ring does not reach, and whether there is more, comes from the store.
    let mut scanned = 0;
    while !exhausted {
        let batch = (limit + 1 - found.len()).max(MIN_BATCH) as i64;
        let events = events::before(&span.chat.db, room.shard, &room.id, oldest, after, batch).await?;
        exhausted = (events.len() as i64) < batch;
        scanned += events.len();
        for event in events {
            oldest = event.seq;
            if event.pos > span.until {
                continue;
            }
            if found.len() == limit {
                limited = true;
                exhausted = true;
                break;
            }
            if wanted(&event) {
                found.push(event);
            }
        }
        // A filter that lets hardly anything through must not read the whole room.
        if scanned >= MAX_SCAN && !exhausted {
            limited = true;
            break;
        }
    }
    found.reverse();
    let first_seq = match found.first() {
        Some(event) => event.seq,
        None => seq_after(span, room).await?,
    };
    Ok(Timeline { events: found, limited, first_seq })
}

/// The number of the first event after the span, or of the next one to come.
async fn seq_after(span: &Span<'_>, room: &Room) -> Result<i64> {
    {
        let inner = room.inner.read();
        let first = inner.ring.iter().rev().take_while(|event| event.pos > span.until).last().map(|event| event.seq);
        match first {
            None => return Ok(inner.seq + 1),
            // There may be others before it that are not in memory.
            Some(seq) if seq > 1 && inner.ring.front().is_some_and(|front| front.seq == seq) => {}
            Some(seq) => return Ok(seq),
        }
    }
    Ok(events::seq_at(&span.chat.db, room.shard, &room.id, span.until).await? + 1)
}

/// The whole state as it was before the timeline.
async fn state_before(span: &Span<'_>, room: &Room, timeline: &Timeline) -> Result<Vec<Arc<Event>>> {
    let in_timeline: HashSet<i64> = timeline.events.iter().map(|event| event.seq).collect();
    let current: Vec<_> = room.inner.read().all_state().cloned().collect();
    // What was set after the span may be nothing that the user may see.
    let is_later = |event: &Arc<Event>| in_timeline.contains(&event.seq) || event.pos > span.until;
    let (later, mut state): (Vec<_>, Vec<_>) = current.into_iter().partition(is_later);
    for event in later {
        // An event that replaced nothing had no predecessor.
        if !event.json.get().contains("\"replaces_state\"") {
            continue;
        }
        let state_key = event.state_key.as_deref().unwrap_or_default();
        let before = timeline.first_seq;
        let earlier = rooms::state_before(&span.chat.db, room.shard, &room.id, &event.kind, state_key, before).await?;
        state.extend(earlier);
    }
    state.sort_unstable_by_key(|event| event.seq);
    Ok(state)
}

/// State that changed after `since` and does not stand in the timeline: skipped by its limit or by its filter.
async fn state_gap(span: &Span<'_>, room: &Room, since: i64, timeline: &Timeline) -> Result<Vec<Arc<Event>>> {
    let in_timeline: HashSet<i64> = timeline.events.iter().map(|event| event.seq).collect();
    let missing = |event: &&Arc<Event>| {
        event.state_key.is_some() && event.pos > since && event.pos <= span.until && !in_timeline.contains(&event.seq)
    };
    let covered = {
        let inner = room.inner.read();
        let covers = inner.ring.front().is_some_and(|first| first.pos <= since || first.seq <= 1);
        covers.then(|| inner.ring.iter().filter(missing).cloned().collect::<Vec<_>>())
    };
    let skipped = match covered {
        Some(skipped) => skipped,
        None => {
            let from = events::seq_at(&span.chat.db, room.shard, &room.id, since).await? + 1;
            let (db, to) = (&span.chat.db, i64::MAX);
            let between = rooms::state_between(db, room.shard, &room.id, from, to, MAX_STATE_GAP).await?;
            if between.len() as i64 == MAX_STATE_GAP {
                let inner = room.inner.read();
                inner.all_state().filter(missing).cloned().collect()
            } else {
                between.iter().filter(missing).cloned().collect()
            }
        }
    };
    let mut latest: HashMap<(Arc<str>, Option<Arc<str>>), Arc<Event>> = HashMap::new();
    for event in skipped {
        latest.insert((event.kind.clone(), event.state_key.clone()), event);
    }
    let mut state: Vec<_> = latest.into_values().collect();
    state.sort_unstable_by_key(|event| event.seq);
    Ok(state)
}

/// Of the members only those that the client needs to show the timeline: the senders, and in a first answer the heroes.
fn lazy_members(
    inner: &Inner,
    span: &Span<'_>,
    timeline: &Timeline,
    state: Vec<Arc<Event>>,
    whole: bool,
) -> Vec<Arc<Event>> {
    let mut needed: HashSet<Arc<str>> = timeline.events.iter().map(|event| event.sender.clone()).collect();
    if whole {
        needed.insert(span.user_id.clone());
        needed.extend(summary(inner, span.user_id).heroes);
    }
    let is_member = |event: &Arc<Event>| event.kind.as_ref() == "m.room.member";
    let mut kept: Vec<_> = state
        .into_iter()
        .filter(|event| {
            // A change of membership is told to everyone, only the bulk of the members waits to be needed.
            !is_member(event) || !whole || event.state_key.as_ref().is_some_and(|user| needed.contains(user))
        })
        .collect();
    let stands = |kept: &[Arc<Event>], user: &Arc<str>| {
        kept.iter().chain(&timeline.events).any(|event| is_member(event) && event.state_key.as_ref() == Some(user))
    };
    for user in &needed {
        if !stands(&kept, user) {
            kept.extend(inner.get("m.room.member", user).filter(|event| event.pos <= span.until).cloned());
        }
    }
    kept
}

/// Receipts that moved in the span; of everyone else only the public ones.
fn receipts(inner: &Inner, since: Option<i64>, span: &Span<'_>) -> Vec<Receipt> {
    let filter = &span.filter.room.ephemeral;
    if !filter.event.admits("m.receipt", None) {
        return Vec::new();
    }
    let visible = |receipt: &Receipt| match receipt.kind.as_ref() {
        "m.read" => true,
        "m.read.private" => receipt.user_id == *span.user_id,
        _ => false,
    };
    let in_span = |pos: i64| pos > since.unwrap_or(0) && pos <= span.until;
    if since.is_some_and(|since| since >= inner.receipt_log_from) {
        let keys: BTreeMap<_, _> = inner
            .receipt_log
            .iter()
            .rev()
            .take_while(|(pos, _)| *pos > since.unwrap_or(0))
            .map(|(p, k)| (k, p))
            .collect();
        let current = keys.into_keys().filter_map(|key| inner.receipts.get(key));
        return current
            .filter(|read| in_span(read.pos))
            .map(|read| &read.receipt)
            .filter(|r| visible(r))
            .cloned()
            .collect();
    }
    let all = inner.receipts.values().filter(|read| in_span(read.pos)).map(|read| &read.receipt);
    all.filter(|receipt| visible(receipt)).cloned().collect()
}

/// The room's summary for a member.
pub(crate) fn summary(inner: &Inner, user_id: &Arc<str>) -> Summary {
    let named = inner.get("m.room.name", "").is_some() || inner.get("m.room.canonical_alias", "").is_some();
    let mut heroes: Vec<(i64, &Arc<str>)> = Vec::new();
    if !named {
        let mut gone = Vec::new();
        for (other, event) in inner.members().filter(|(other, _)| *other != user_id) {
            match membership_of(event) {
                "join" | "invite" => heroes.push((event.seq, other)),
                _ => gone.push((event.seq, other)),
            }
        }
        if heroes.is_empty() {
            heroes = gone;
        }
        heroes.sort_unstable();
        heroes.truncate(5);
    }
    let heroes = heroes.into_iter().map(|(_, user)| user.clone()).collect();
    Summary { heroes, joined: inner.joined, invited: inner.invited }
}
