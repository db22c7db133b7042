//! A user's membership of a room at an earlier moment than the one in memory, read from the room's history.

use store::rooms;

use super::user::Tie;
use crate::{Chat, Result, rooms::room::membership_of};

/// The user's memberships of a room, oldest first: each with where it began.
async fn memberships(chat: &Chat, user_id: &str, room_id: &str) -> Result<Vec<(i64, &'static str)>> {
    let shard = chat.room_shard(room_id);
    let events = rooms::state_history(&chat.db, shard, room_id, "m.room.member", user_id).await?;
    let mut memberships: Vec<(i64, &'static str)> = Vec::new();
    for event in events {
        let membership = membership_of(&event);
        if memberships.last().is_none_or(|(_, last)| *last != membership) {
            memberships.push((event.pos, membership));
        }
    }
    Ok(memberships)
}

/// The tie that the user had to the room at a position of the room's log.
pub(super) async fn tie_at(chat: &Chat, user_id: &str, room_id: &str, pos: i64) -> Result<Option<Tie>> {
    let memberships = memberships(chat, user_id, room_id).await?;
    let last = memberships.into_iter().rfind(|(from, _)| *from <= pos);
    Ok(last.map(|(pos, membership)| Tie { membership, pos, forgotten: false }))
}

/// Where the user last ceased to be a joined member, if that was after the first position and before the second.
pub(super) async fn end_between(
    chat: &Chat,
    user_id: &str,
    room_id: &str,
    after: i64,
    before: i64,
) -> Result<Option<i64>> {
    let memberships = memberships(chat, user_id, room_id).await?;
    let mut ends = memberships.windows(2).filter(|pair| pair[0].1 == "join").map(|pair| pair[1].0);
    Ok(ends.rfind(|end| *end > after && *end < before))
}
