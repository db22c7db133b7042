//! Finding people by name.

use ruma::{OwnedUserId, UserId};
use serde::Deserialize;
use store::accounts::directory::{self, FoundRow};

use crate::{Chat, Result};

/// Results of one search.
const LIMIT: i64 = 100;
/// People who are looked at for one search when not everybody may be found.
const CANDIDATES: i64 = 500;
/// Characters of a search that count.
const TERM: usize = 255;

/// What a search has found.
#[derive(Debug)]
pub struct Found {
    /// People, the best match first.
    pub people: Vec<FoundRow>,
    /// Whether there are more.
    pub limited: bool,
}

/// What a user is found by.
pub(crate) fn searched(user_id: &UserId, displayname: Option<&str>) -> String {
    // The id with its @ comes first, then what people type at the beginning of a line each.
    let text = format!("{user_id}\n{}\n{}", user_id.localpart(), displayname.unwrap_or_default());
    text.to_lowercase()
}

/// People whose id or display name contains `term`, without regard to case: everybody, or (as configured) only those
/// who share a room with the caller or are in a room that is open to all.
pub async fn search(chat: &Chat, caller: &UserId, term: &str, limit: i64) -> Result<Found> {
    chat.rate_limits.check_message(caller)?;
    let term: String = term.trim().to_lowercase().chars().filter(|c| *c != '\n').take(TERM).collect();
    let limit = limit.clamp(0, LIMIT);
    let everybody = chat.config.user_directory.search_all_users;
    let wanted = usize::try_from(limit).unwrap_or_default();
    let fetched = if everybody { limit + 1 } else { CANDIDATES };
    let mut people = Vec::new();
    for person in directory::search(&chat.db, &term, fetched, 0).await? {
        if people.len() > wanted {
            break;
        }
        if everybody || may_find(chat, caller, &person.user_id).await? {
            people.push(person);
        }
    }
    let limited = people.len() > wanted;
    people.truncate(wanted);
    Ok(Found { people, limited })
}

async fn may_find(chat: &Chat, caller: &UserId, other: &str) -> Result<bool> {
    let Ok(other) = OwnedUserId::try_from(other) else { return Ok(false) };
    let (mine, theirs) = (chat.user_shard(caller.as_str()), chat.user_shard(other.as_str()));
    if other == caller || directory::share_a_room(&chat.db, (mine, caller.as_str()), (theirs, other.as_str())).await? {
        return Ok(true);
    }
    let events = directory::openness_of_rooms(&chat.db, theirs, other.as_str()).await?;
    Ok(events.iter().any(|event| is_open(event)))
}

/// Whether a state event lets anybody join or read its room.
fn is_open(event: &str) -> bool {
    #[derive(Deserialize)]
    struct Event {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        join_rule: Option<String>,
        history_visibility: Option<String>,
    }
    serde_json::from_str::<Event>(event).is_ok_and(|event| {
        event.content.join_rule.as_deref() == Some("public")
            || event.content.history_visibility.as_deref() == Some("world_readable")
    })
}
