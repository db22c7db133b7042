//! The moment that an answer speaks of: how far the logs are known, and the rooms and memberships that a user has then.

use std::{collections::HashSet, sync::Arc};

use store::user_rooms::changed_since;

use super::{
    changes::Request,
    past,
    position::{Stamp, Token},
    user::{HotUser, Tie},
};
use crate::{Chat, Error, Result};

/// The moment that an answer speaks of, and what the user has then.
pub(super) struct Moment {
    pub(super) until: Vec<i64>,
    pub(super) snapshot: Snapshot,
    /// It is earlier than this node knows of: another answer has the rest.
    pub(super) more: bool,
}

/// As late a moment as can be told in one answer; none for a token of what the logs do not have.
pub(super) async fn moment(
    chat: &Chat,
    user: &HotUser,
    request: &Request,
    clock: Option<u64>,
) -> Result<Option<Moment>> {
    let since = request.since.as_ref();
    let mut until = reached(chat, user, since).await?;
    match since.map_or(0, |since| since.ahead_of(&until)) {
        0 => {}
        // Of an epoch that the database does not know: a server that has been replaced may not know it yet.
        ahead if ahead >= store::EPOCH_GAP && chat.db.is_shared() => {
            return Err(Error::Store(store::Error::Unavailable));
        }
        _ => return Ok(None),
    }
    let mut more = false;
    loop {
        let mut snapshot = candidates(chat, user, request, clock, &until).await?;
        let back = back_to(chat, user, &mut snapshot, &until).await?;
        if back || more {
            // What the user's clock counts is later than that: the next answer has to go by positions.
            snapshot.stamp = Stamp::default();
        }
        match told_before(chat, user, since, &snapshot).await? {
            None => return Ok(Some(Moment { until, snapshot, more })),
            Some((shard, pos)) => {
                until[shard] = pos;
                more = true;
            }
        }
    }
}

/// The parts of a user's state that an answer is made from, taken at one moment.
pub(super) struct Snapshot {
    pub(super) stamp: Stamp,
    pub(super) rooms: Vec<(Arc<str>, Tie)>,
    pub(super) typing: HashSet<Arc<str>>,
    pub(super) presence: HashSet<Arc<str>>,
    /// The rooms and people of those that are news to a device which comes from another node, and was here before; none
    /// where all of it is.
    untold: Option<(HashSet<Arc<str>>, HashSet<Arc<str>>)>,
}

impl Snapshot {
    /// Whether who types in the room has changed since this node last told the device.
    pub(super) fn is_typing_news(&self, room_id: &str) -> bool {
        self.untold.as_ref().is_none_or(|(rooms, _)| rooms.contains(room_id))
    }

    /// Whether the presence of somebody has.
    pub(super) fn is_presence_news(&self, user_id: &str) -> bool {
        self.untold.as_ref().is_none_or(|(_, people)| people.contains(user_id))
    }
}

/// Puts memberships back to what they were at the moment that the answer speaks of, if they have changed since: who has
/// just left was a member till then, and has to be told what was sent till then. Says whether there are any.
async fn back_to(chat: &Chat, user: &HotUser, snapshot: &mut Snapshot, until: &[i64]) -> Result<bool> {
    let mut back = false;
    let mut rooms = Vec::with_capacity(snapshot.rooms.len());
    for (room_id, tie) in snapshot.rooms.drain(..) {
        let until = position(until, chat.room_shard(&room_id));
        if tie.pos <= until {
            rooms.push((room_id, tie));
            continue;
        }
        back = true;
        let tie = past::tie_at(chat, &user.id, &room_id, until).await?;
        rooms.extend(tie.map(|tie| (room_id, tie)));
    }
    snapshot.rooms = rooms;
    Ok(back)
}

/// Who was a member and is now invited again has to be told of the end of the membership, and what was sent before it, in
/// an answer of its own: one answer has a room once, and clients take what they hear last. The shard and the position of
/// such an end that the device does not know of.
async fn told_before(
    chat: &Chat,
    user: &HotUser,
    since: Option<&Token>,
    snapshot: &Snapshot,
) -> Result<Option<(usize, i64)>> {
    let Some(since) = since else { return Ok(None) };
    for (room_id, tie) in snapshot.rooms.iter().filter(|(_, tie)| matches!(tie.membership, "invite" | "knock")) {
        let shard = chat.room_shard(room_id);
        let known = position(&since.shards, shard);
        if tie.pos > known
            && let Some(end) = past::end_between(chat, &user.id, room_id, known, tie.pos).await?
        {
            return Ok(Some((shard as usize, end)));
        }
    }
    Ok(None)
}

/// How far the answer goes: see [`Freshness::reached`](super::follow::Freshness::reached).
async fn reached(chat: &Chat, user: &HotUser, since: Option<&Token>) -> Result<Vec<i64>> {
    if since.is_some_and(|since| since.shards.len() != chat.db.shards()) {
        return Err(Error::invalid("`since` is not a token of this server: sync without it."));
    }
    let cursors = chat.freshness.reached(since.map(|since| since.shards.as_slice()), chat.user_shard(&user.id)).await?;
    // After the cursors: they may be those of a log that began anew, of which this user in memory knows nothing.
    if user.inner.lock().retired {
        return Err(Error::Store(store::Error::Unavailable));
    }
    Ok(cursors)
}

pub(super) fn position(shards: &[i64], shard: i64) -> i64 {
    shards.get(shard as usize).copied().unwrap_or(0)
}

/// The rooms that can have news, and the user's stamp before they are looked at.
async fn candidates(
    chat: &Chat,
    user: &HotUser,
    request: &Request,
    clock: Option<u64>,
    until: &[i64],
) -> Result<Snapshot> {
    let (since, full_state) = (request.since.as_ref(), request.full_state);
    let (mut snapshot, touched) = {
        let inner = user.inner.lock();
        let stamp = Stamp { generation: user.generation, clock: inner.settled(until) };
        let touched = clock.filter(|_| !full_state).and_then(|clock| inner.touched_since(clock));
        let all = || inner.rooms.iter().map(|(room, tie)| (room.clone(), tie.clone())).collect::<Vec<_>>();
        let rooms = match (&touched, since) {
            (Some(touched), _) => {
                touched.iter().filter_map(|room| inner.rooms.get(room).map(|tie| (room.clone(), tie.clone()))).collect()
            }
            (None, _) => all(),
        };
        let (typing, presence) = (inner.typing.since(clock), inner.presence.since(clock));
        let told = inner.told.get(&request.session.device_id).copied().filter(|_| clock.is_none());
        let untold = told.map(|told| (inner.typing.since(Some(told)), inner.presence.since(Some(told))));
        let snapshot = Snapshot { stamp, rooms, typing, presence, untold };
        (snapshot, touched.is_some())
    };
    let Some(since) = since.filter(|_| !touched && !full_state) else { return Ok(snapshot) };
    let mut changed = Vec::new();
    for shard in 0..until.len() as i64 {
        let pos = position(&since.shards, shard);
        let rooms = snapshot.rooms.iter().map(|(room, _)| room).filter(|room| chat.room_shard(room) == shard);
        match chat.hub.changed_since(shard, pos, rooms) {
            Some(rooms) => changed.extend(rooms),
            None => changed.extend(changed_since(&chat.db, (chat.user_shard(&user.id), &user.id), shard, pos).await?),
        }
    }
    let changed: HashSet<Arc<str>> = changed.into_iter().collect();
    let pos = position(&since.shards, chat.user_shard(&user.id));
    let room_data = user.inner.lock().rooms_with_data_since(pos);
    snapshot
        .rooms
        .retain(|(room, _)| changed.contains(room) || room_data.contains(room) || snapshot.typing.contains(room));
    Ok(snapshot)
}
