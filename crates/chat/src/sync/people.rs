//! Users in memory: loaded when first asked for, kept current by the hub, dropped when nobody uses them.

use std::sync::{Arc, atomic::Ordering};

use store::{
    account_data,
    log::{Event, Record},
    to_device, user_rooms,
};

use super::{
    audience::apply_to_user,
    hub::Hub,
    user::{AccountData, HotUser, UserGuard},
};
use crate::{Chat, Result};

/// A user that nobody used so long leaves the memory, milliseconds: more than a long-poll client pauses between two
/// requests. Until then every message in the user's rooms costs a touch.
const IDLE_MS: i64 = 60_000;

impl Chat {
    /// The user in memory, loaded if need be, with everything that was acknowledged before the call.
    pub(crate) async fn hot_user(&self, user_id: &str) -> Result<UserGuard> {
        self.fresh().await?;
        self.known_user(user_id).await
    }

    /// The user as this node knows it.
    pub(crate) async fn known_user(&self, user_id: &str) -> Result<UserGuard> {
        // Counted as used while the map's entry is held: between finding and counting it could be evicted.
        if let Some(user) = self.hub.users.get(user_id) {
            return Ok(UserGuard::new(user.clone(), self.env.now()));
        }
        let key: Arc<str> = user_id.into();
        let _turn = self.hub.loading.take(&key).await;
        let user = match self.hub.peek(user_id) {
            Some(user) => user,
            None => load(self, &key).await?,
        };
        Ok(UserGuard::new(user, self.env.now()))
    }
}

async fn load(chat: &Chat, user_id: &Arc<str>) -> Result<Arc<HotUser>> {
    let shard = chat.user_shard(user_id);
    loop {
        let cursors = chat.hub.cursors();
        let rooms = user_rooms::of_user(&chat.db, shard, user_id).await?;
        // They may be known to the database before their records are here. Whoever goes by them has to see what led there,
        // and what came before it in other logs.
        let mut ties = vec![0; chat.db.shards()];
        for row in &rooms {
            if let Some(pos) = ties.get_mut(chat.room_shard(&row.room_id) as usize) {
                *pos = row.pos.max(*pos);
            }
        }
        chat.freshness.known_to(&ties).await?;
        let data = account_data::of_user(&chat.db, shard, user_id).await?;
        let waiting = to_device::heads(&chat.db, shard, user_id).await?;
        let generation = u64::from_le_bytes(chat.env.random()) >> 16;
        let user = Arc::new(HotUser::new(user_id.clone(), generation, rooms));
        // Before anybody uses it, it must not look idle.
        user.used_ts.store(chat.env.now(), Ordering::Relaxed);
        {
            let mut inner = user.inner.lock();
            for row in data {
                let data = AccountData { json: row.json, pos: row.pos };
                inner.set_account_data(&row.room_id, &row.kind, data);
            }
            inner.to_device.extend(waiting);
        }
        if chat.hub.adopt_all(&cursors, |records| chat.hub.adopt_user(&user, records)) {
            return Ok(user);
        }
    }
}

impl Hub {
    /// Drops users that nobody has used for a while.
    pub(crate) fn evict(&self, now: i64) {
        let idle = |user: &HotUser| !user.in_use() && now - user.used_ts.load(Ordering::Relaxed) > IDLE_MS;
        let evicted: Vec<_> = self.users.iter().filter(|user| idle(user)).map(|user| user.clone()).collect();
        for user in evicted {
            if self.users.remove_if(&user.id, |_, user| idle(user)).is_some() {
                let rooms: Vec<_> = user.inner.lock().rooms.keys().cloned().collect();
                rooms.iter().for_each(|room_id| self.leave_audience(&user, room_id));
            }
        }
    }

    fn adopt_user(&self, user: &Arc<HotUser>, records: &[Arc<Record>]) {
        let joined: Vec<_> = {
            let inner = user.inner.lock();
            inner.rooms.iter().filter(|(_, tie)| tie.membership == "join").map(|(room, _)| room.clone()).collect()
        };
        joined.iter().for_each(|room_id| self.join_audience(user, room_id));
        for record in records {
            let own = |event: &&Arc<Event>| {
                event.kind.as_ref() == "m.room.member" && event.state_key.as_deref() == Some(user.id.as_ref())
            };
            record.events.iter().filter(own).for_each(|event| self.apply_membership(user, event, record.shard));
            for change in record.changes.iter().filter(|change| change.user_id() == Some(&user.id)) {
                apply_to_user(user, (record.shard, record.pos), change);
            }
        }
        self.users.insert(user.id.clone(), user.clone());
    }
}
