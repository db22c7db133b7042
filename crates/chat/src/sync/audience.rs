//! The users in memory: what a record changes for them, and which of them are in a room, to be woken when it changes.

use std::sync::Arc;

use store::log::{Change, Event, Record, Shard};

use super::{
    hub::Hub,
    user::{AccountData, HotUser, Tie},
};
use crate::rooms::room::membership_of;

impl Hub {
    /// Feeds the users whom a record concerns.
    pub(super) fn apply_to_users(&self, record: &Record, woken: &mut Vec<Arc<HotUser>>) {
        for event in record.events.iter().filter(|event| event.kind.as_ref() == "m.room.member") {
            let Some(user_id) = &event.state_key else { continue };
            match self.peek(user_id) {
                Some(user) => {
                    self.apply_membership(&user, event, record.shard);
                    woken.push(user);
                }
                None if self.presence.is_away(user_id) && membership_of(event) == "join" => {
                    self.introduce(user_id, &event.room_id);
                }
                None => {}
            }
        }
        for change in &record.changes {
            let Some(user_id) = change.user_id() else { continue };
            if let Some(user) = self.peek(user_id) {
                apply_to_user(&user, (record.shard, record.pos), change);
                woken.push(user);
            }
        }
    }

    /// A member event of a user in memory: the tie to the room and the place in its audience.
    pub(super) fn apply_membership(&self, user: &Arc<HotUser>, event: &Event, shard: Shard) {
        let membership = membership_of(event);
        let mut inner = user.inner.lock();
        let before = inner.rooms.get(&event.room_id);
        if before.is_some_and(|tie| tie.pos >= event.pos) {
            return;
        }
        let joined_before = before.is_some_and(|tie| tie.membership == "join");
        if before.is_none_or(|tie| tie.membership != membership) {
            let forgotten = before.is_some_and(|tie| tie.forgotten) && matches!(membership, "leave" | "ban");
            inner.rooms.insert(event.room_id.clone(), Tie { membership, pos: event.pos, forgotten });
        }
        inner.touch(&event.room_id, (shard, event.pos));
        drop(inner);
        if membership == "join" && !joined_before {
            self.join_audience(user, &event.room_id);
            self.introduce(&user.id, &event.room_id);
        } else if membership != "join" && joined_before {
            self.leave_audience(user, &event.room_id);
        }
    }

    pub(super) fn join_audience(&self, user: &Arc<HotUser>, room_id: &Arc<str>) {
        let mut audience = self.audience.entry(room_id.clone()).or_default();
        if !audience.iter().any(|other| Arc::ptr_eq(other, user)) {
            audience.push(user.clone());
        }
    }

    /// Whoever joins learns who is here, and the others that somebody came: none of it changes at this moment, but
    /// they were not told before.
    fn introduce(&self, user_id: &Arc<str>, room_id: &Arc<str>) {
        let audience = self.audience(room_id);
        if audience.len() > self.presence_limit {
            return;
        }
        for other in audience.iter().filter(|other| other.id != *user_id) {
            other.meet([user_id]);
        }
        if let Some(user) = self.peek(user_id) {
            user.meet(audience.iter().map(|other| &other.id));
        }
    }

    pub(super) fn leave_audience(&self, user: &Arc<HotUser>, room_id: &Arc<str>) {
        if let Some(mut audience) = self.audience.get_mut(room_id) {
            audience.retain(|other| !Arc::ptr_eq(other, user));
        }
        self.audience.remove_if(room_id, |_, audience| audience.is_empty());
    }

    /// The users in memory who are joined to the room.
    pub(crate) fn audience(&self, room_id: &str) -> Vec<Arc<HotUser>> {
        self.audience.get(room_id).map(|audience| audience.clone()).unwrap_or_default()
    }

    /// How many users in memory are joined to the room.
    pub(crate) fn audience_size(&self, room_id: &str) -> usize {
        self.audience.get(room_id).map_or(0, |audience| audience.len())
    }

    pub(crate) fn peek(&self, user_id: &str) -> Option<Arc<HotUser>> {
        self.users.get(user_id).map(|user| user.clone())
    }
}

/// A change that concerns the user, at its position.
pub(super) fn apply_to_user(user: &HotUser, at: (Shard, i64), change: &Change) {
    let pos = at.1;
    let mut inner = user.inner.lock();
    match change {
        Change::AccountData { room_id, kind, json, .. } => {
            let data = AccountData { json: json.clone(), pos };
            inner.set_account_data(room_id, kind, data);
            if !room_id.is_empty() {
                inner.touch(room_id, at);
            }
        }
        Change::ToDevice { device_id, .. } => {
            inner.to_device.insert(device_id.clone(), pos);
        }
        Change::Forgotten { room_id, .. } => {
            // It stands in the user's log, and a return in the room's: the return may have come before it.
            if let Some(tie) = inner.rooms.get_mut(room_id).filter(|tie| matches!(tie.membership, "leave" | "ban")) {
                tie.forgotten = true;
            }
        }
        Change::DeviceGone { device_id, .. } => {
            let clock = inner.tick();
            inner.told.remove(device_id);
            inner.gone.insert(device_id.clone(), clock);
        }
        Change::OthersGone { device_id, .. } => {
            let clock = inner.tick();
            inner.told.retain(|told, _| told == device_id);
            inner.others_gone = Some((device_id.clone(), clock));
        }
        Change::TokenGone { .. } | Change::Erased { .. } | Change::Receipt(_) | Change::Redacted { .. } => return,
    }
    inner.tick();
}
