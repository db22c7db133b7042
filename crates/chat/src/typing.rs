//! Who is typing. Kept in memory only; nodes tell each other.

use std::sync::Arc;

use crate::{
    Chat, Error, Result, Room,
    cluster::{self, wire::Message},
    rooms::room::Inner,
    sessions::Session,
};

/// The longest that one notice lasts, milliseconds.
const MAX_MS: i64 = 120_000;

impl Room {
    pub(crate) fn is_anyone_typing(&self) -> bool {
        !self.inner.read().typing.is_empty()
    }

    /// Who is typing at `now`.
    pub(crate) fn typing(&self, now: i64) -> Vec<Arc<str>> {
        let inner = self.inner.read();
        let typing = inner.typing.iter().filter(|(user, until)| inner.types(user, **until, now));
        let mut users: Vec<_> = typing.map(|(user, _)| user.clone()).collect();
        users.sort();
        users
    }
}

impl Inner {
    /// Whether a notice still counts: its time is not over, and the user has not left.
    fn types(&self, user_id: &str, until: i64, now: i64) -> bool {
        until > now && self.membership(user_id) == Some("join")
    }
}

/// The user types for so many milliseconds, or has stopped (none).
///
/// # Errors
/// M_FORBIDDEN if the user is not in the room.
pub async fn set(chat: &Chat, session: &Session, room_id: &str, timeout_ms: Option<i64>) -> Result<()> {
    let not_in_room = || Error::forbidden("You are not a member of this room.");
    let user_id: Arc<str> = session.user_id.as_str().into();
    let room = chat.joined_room(room_id, &user_id).await?.ok_or_else(not_in_room)?;
    let for_ms = timeout_ms.map_or(0, |timeout_ms| timeout_ms.clamp(1, MAX_MS));
    if note(chat, &room, &user_id, for_ms) {
        tell(chat, &room);
    }
    cluster::tell(chat, &Message::Typing { room_id: &room.id, user_id: &user_id, for_ms });
    Ok(())
}

/// Somebody types at another node. A room that nobody has asked for here has nobody to be told.
pub(crate) fn heard(chat: &Chat, room_id: &str, user_id: &str, for_ms: i64) {
    if let Some(room) = chat.rooms.peek(room_id)
        && note(chat, &room, &user_id.into(), for_ms.min(MAX_MS))
    {
        tell(chat, &room);
    }
}

/// Notes it, and says whether that changes who is typing.
fn note(chat: &Chat, room: &Room, user_id: &Arc<str>, for_ms: i64) -> bool {
    let mut inner = room.inner.write();
    if for_ms > 0 {
        chat.typing_rooms.insert(room.id.clone(), ());
        inner.typing.insert(user_id.clone(), chat.env.now() + for_ms).is_none()
    } else {
        inner.typing.remove(user_id).is_some()
    }
}

fn tell(chat: &Chat, room: &Room) {
    for user in chat.hub.audience(&room.id) {
        {
            let mut inner = user.inner.lock();
            inner.touch(&room.id, (room.shard, 0));
            let clock = inner.clock;
            inner.typing.set(&room.id, clock);
        }
        user.wake();
    }
}

/// Ends what has run out, and what people did who left. Called every second or so.
pub(crate) fn expire(chat: &Chat, now: i64) {
    let rooms: Vec<_> = chat.typing_rooms.iter().map(|entry| entry.key().clone()).collect();
    for room_id in rooms {
        let Some(room) = chat.rooms.peek(&room_id) else {
            chat.typing_rooms.remove(&room_id);
            continue;
        };
        let (ended, empty) = {
            let mut inner = room.inner.write();
            let mut typing = std::mem::take(&mut inner.typing);
            let before = typing.len();
            typing.retain(|user, until| inner.types(user, *until, now));
            inner.typing = typing;
            (inner.typing.len() < before, inner.typing.is_empty())
        };
        if ended {
            tell(chat, &room);
        }
        if empty {
            chat.typing_rooms.remove(&room_id);
        }
    }
}
