//! Which events of a room a user may read. The one place that decides it.
//!
//! Client-Server API, "Room History Visibility": decided per event by the history visibility and the user's membership
//! at that point, both of which are state, so their history is all that is needed.

use store::{log::Event, rooms, user_rooms};

use super::room::{Inner, Room, content_as, membership_of};
use crate::{Chat, Result};

/// What a user may read of a room.
pub(crate) struct View {
    /// (from which event on, visibility), oldest first.
    visibility: Vec<(i64, Visibility)>,
    /// (from which event on, membership), oldest first.
    membership: Vec<(i64, &'static str)>,
    /// When the user first joined, milliseconds.
    pub(crate) joined_ts: Option<i64>,
    /// The newest event that it speaks of: somebody may be removed while they read.
    pub(crate) head: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visibility {
    WorldReadable,
    Shared,
    Invited,
    Joined,
}

/// Reads the user's view of the room.
pub(crate) async fn view(chat: &Chat, room: &Room, user_id: &str) -> Result<View> {
    let history = |kind, key| rooms::state_history(&chat.db, room.shard, &room.id, kind, key);
    let (head, member, setting) = {
        let inner = room.inner.read();
        let state = |kind, key| inner.get(kind, key).cloned();
        (inner.seq, state("m.room.member", user_id), state("m.room.history_visibility", ""))
    };
    // Nearly always both were set once, and are in memory: an event that replaced nothing is its own history.
    let only = |event: &Event| !event.json.get().contains("\"replaces_state\"");
    let left = member.as_ref().is_some_and(|event| matches!(membership_of(event), "leave" | "ban"));
    let forgotten = left && user_rooms::is_forgotten(&chat.db, chat.user_shard(user_id), user_id, &room.id).await?;
    let members = match member {
        None => Vec::new(),
        // Who forgot a room reads no more of it than a stranger. Client-Server API, "Leaving rooms".
        Some(_) if forgotten => Vec::new(),
        Some(event) if only(&event) => vec![event],
        Some(_) => history("m.room.member", user_id).await?,
    };
    let joined_ts = members.iter().find(|event| membership_of(event) == "join").map(|event| event.ts);
    let membership = members.iter().map(|event| (event.seq, membership_of(event))).collect();
    let visibility = match &setting {
        None => Vec::new(),
        Some(event) if only(event) => vec![(event.seq, visibility_of(event))],
        Some(_) => {
            let events = history("m.room.history_visibility", "").await?;
            events.iter().map(|event| (event.seq, visibility_of(event))).collect()
        }
    };
    Ok(View { visibility, membership, joined_ts, head })
}

fn visibility_of(event: &Event) -> Visibility {
    #[derive(serde::Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        history_visibility: std::borrow::Cow<'a, str>,
    }
    match content_as::<Content<'_>>(event).as_ref().map(|content| content.history_visibility.as_ref()) {
        Some("world_readable") => Visibility::WorldReadable,
        Some("invited") => Visibility::Invited,
        Some("joined") => Visibility::Joined,
        _ => Visibility::Shared,
    }
}

/// The value in force at the event numbered `seq`, and at the event itself if it sets one.
fn at<T: Copy>(history: &[(i64, T)], seq: i64) -> Option<T> {
    let index = history.partition_point(|(from, _)| *from <= seq);
    index.checked_sub(1).map(|index| history[index].1)
}

impl View {
    /// Whether the user may read the event numbered `seq`.
    pub(crate) fn sees(&self, seq: i64) -> bool {
        // Of an event that changes one of them, the more generous side counts: one sees the own leave, and the change
        // that closes a room.
        let sides = [seq, seq - 1];
        seq <= self.head
            && sides.iter().any(|side| {
                let membership = at(&self.membership, *side);
                match at(&self.visibility, *side).unwrap_or(Visibility::Shared) {
                    Visibility::WorldReadable => true,
                    _ if membership == Some("join") => true,
                    Visibility::Shared => self.joined_after(seq),
                    Visibility::Invited => membership == Some("invite"),
                    Visibility::Joined => false,
                }
            })
    }

    /// Whether nothing that it depends on has changed since.
    pub(crate) fn is_current(&self, room: &Inner, user_id: &str) -> bool {
        let newer = |kind, key| room.get(kind, key).is_some_and(|event| event.seq > self.head);
        !newer("m.room.member", user_id) && !newer("m.room.history_visibility", "")
    }

    /// The view that the user had when the event numbered `seq` was the newest.
    pub(crate) fn back_at(mut self, seq: i64) -> Self {
        self.membership.retain(|(from, _)| *from <= seq);
        self.visibility.retain(|(from, _)| *from <= seq);
        self
    }

    /// Up to which event at most numbered `seq` the user was last a joined member, the leave included; 0 if never.
    pub(crate) fn joined_until(&self, seq: i64) -> i64 {
        let mut joins = self.membership.iter().enumerate();
        let last = joins.rfind(|(_, (from, membership))| *membership == "join" && *from <= seq);
        last.map_or(0, |(index, _)| self.membership.get(index + 1).map_or(seq, |(left, _)| (*left).min(seq)))
    }

    /// Whether the user joined at or after the event.
    fn joined_after(&self, seq: i64) -> bool {
        self.membership.iter().any(|(from, membership)| *from >= seq && *membership == "join")
    }

    /// Whether the user was ever more than a stranger, or anyone may look.
    pub(crate) fn is_open(&self) -> bool {
        !self.membership.is_empty() || self.visibility.last().is_some_and(|(_, v)| *v == Visibility::WorldReadable)
    }

    /// The newest event the user may see the room's state as of: everything while joined, until the leave after it.
    pub(crate) fn until(&self) -> Option<i64> {
        if self.visibility.last().is_some_and(|(_, v)| *v == Visibility::WorldReadable) {
            return Some(i64::MAX);
        }
        // What follows the leave (an unban, another invitation) shows nothing more.
        let last_join = self.membership.iter().rposition(|(_, membership)| *membership == "join")?;
        match self.membership.get(last_join + 1) {
            None => Some(i64::MAX),
            Some((left, _)) => matches!(self.membership.last(), Some((_, "leave" | "ban"))).then_some(*left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(visibility: Visibility, membership: &[(i64, &'static str)]) -> View {
        View { visibility: vec![(3, visibility)], membership: membership.to_vec(), joined_ts: None, head: 100 }
    }

    #[test]
    fn a_member_sees_what_was_shared_before_the_join() {
        assert!(view(Visibility::Shared, &[(10, "join")]).sees(5));
        assert!(!view(Visibility::Shared, &[(10, "invite")]).sees(5));
    }

    #[test]
    fn history_for_joined_members_begins_with_the_own_join() {
        let view = view(Visibility::Joined, &[(8, "invite"), (10, "join")]);
        assert!(!view.sees(9));
        assert!(view.sees(10) && view.sees(11));
    }

    #[test]
    fn history_for_invited_begins_with_the_invite() {
        let view = view(Visibility::Invited, &[(8, "invite"), (10, "join")]);
        assert!(!view.sees(7));
        assert!(view.sees(8) && view.sees(9));
    }

    #[test]
    fn nothing_after_a_leave_is_seen_but_the_leave_itself() {
        for visibility in [Visibility::Shared, Visibility::Joined, Visibility::Invited] {
            let view = view(visibility, &[(10, "join"), (20, "leave")]);
            assert!(view.sees(19) && view.sees(20), "{visibility:?}");
            assert!(!view.sees(21), "{visibility:?}");
        }
    }

    #[test]
    fn what_was_sent_between_a_leave_and_a_return_stays_hidden_unless_shared() {
        let membership = [(10, "join"), (20, "leave"), (30, "join")];
        assert!(!view(Visibility::Joined, &membership).sees(25));
        assert!(!view(Visibility::Joined, &membership).sees(29));
        assert!(view(Visibility::Shared, &membership).sees(25));
    }

    #[test]
    fn a_later_return_shares_nothing_with_an_earlier_moment() {
        let view = || view(Visibility::Shared, &[(10, "join"), (20, "ban"), (30, "leave"), (40, "join")]);
        assert!(view().sees(25));
        assert!(!view().back_at(30).sees(25) && view().back_at(30).sees(15));
        assert!(view().back_at(40).sees(25));
    }

    #[test]
    fn an_unban_or_a_declined_invitation_shows_no_newer_state_than_the_leave_did() {
        let until = |membership: &[(i64, &'static str)]| view(Visibility::Shared, membership).until();
        assert_eq!(until(&[(10, "join"), (11, "join"), (20, "ban"), (30, "leave")]), Some(20));
        assert_eq!(until(&[(10, "join"), (20, "leave"), (30, "invite"), (40, "leave")]), Some(20));
        assert_eq!(until(&[(10, "join"), (20, "leave"), (30, "join")]), Some(i64::MAX));
        assert_eq!(until(&[(30, "invite"), (40, "leave")]), None);
    }

    #[test]
    fn nothing_is_seen_that_came_after_the_look() {
        let view = View { head: 40, ..view(Visibility::WorldReadable, &[(10, "join")]) };
        assert!(view.sees(40) && !view.sees(41));
    }

    #[test]
    fn strangers_see_world_readable_rooms_only() {
        assert!(view(Visibility::WorldReadable, &[]).sees(5));
        assert!(!view(Visibility::Shared, &[]).sees(5));
    }
}
