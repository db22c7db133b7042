//! Removing what an event said: from the event, and from the one that repeats it because it replaced it.

use std::sync::Arc;

use ruma::UserId;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use store::log::{Change, Event, Outcome};

use super::{
    auth_rules,
    room::Room,
    send::{ATTEMPTS, Draft, busy, check, checked_txn, not_in_room, prepare},
};
use crate::{Chat, Error, Result, sessions::Session};

/// Removes the content of an event and returns the id of the redaction.
///
/// # Errors
/// M_FORBIDDEN, M_NOT_FOUND, M_LIMIT_EXCEEDED.
pub async fn remove(
    chat: &Chat,
    session: &Session,
    room_id: &str,
    event_id: &str,
    txn_id: &str,
    reason: Option<String>,
) -> Result<Arc<str>> {
    chat.rate_limits.check_message(&session.user_id)?;
    // Versions before 11 have `redacts` beside the content, later ones in it; clients are given both.
    let content = to_raw_value(&Redaction { redacts: event_id.to_owned(), reason });
    let draft = Draft {
        kind: "m.room.redaction".into(),
        state_key: None,
        content: content.map_err(|e| Error::invalid(e.to_string()))?,
        txn: Some((session.device_id.clone(), checked_txn(txn_id)?)),
        redacts: Some(event_id.into()),
        only_from: &[],
    };
    redact(chat, room_id, &session.user_id, event_id, &draft).await
}

/// The content of a redaction.
#[derive(Serialize, Deserialize)]
pub(super) struct Redaction {
    pub(super) redacts: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
}

/// Removes the content of an event, by its sender or by somebody with the power to. Returns the redaction's id.
///
/// # Errors
/// M_NOT_FOUND if there is no such event in the room, M_FORBIDDEN.
async fn redact(chat: &Chat, room_id: &str, sender: &UserId, event_id: &str, draft: &Draft) -> Result<Arc<str>> {
    check(draft)?;
    for _ in 0..ATTEMPTS {
        let room = chat.room(room_id).await?.ok_or_else(not_in_room)?;
        if !room.is_joined(sender.as_str()) {
            return Err(not_in_room());
        }
        let target = store::events::by_id(&chat.db, room.shard, room_id, event_id).await?;
        let target = target.ok_or_else(|| Error::not_found("There is no such event in this room."))?;
        let successor = successor(chat, &room, &target).await?;
        let commit = {
            let inner = room.inner.read();
            let mut guards = auth_rules::check_message(&inner, sender, "m.room.redaction")?;
            let powers = &inner.power_levels.0;
            if target.sender.as_ref() != sender.as_str() && !powers.user_can_redact_event_of_other(sender) {
                return Err(Error::forbidden("You do not have permission to remove other people's messages."));
            }
            guards.dedup();
            let mut commit = prepare(chat, &room, &inner, sender, draft, guards)?;
            let because = commit.room.as_ref().and_then(|part| part.events.first()).map(|event| event.json.clone());
            let json: Arc<RawValue> = redacted(&room, &target, because.as_deref())?.into();
            let copy: Option<(i64, Arc<RawValue>)> = match &successor {
                Some(successor) => Some((successor.seq, with_prev_content(successor, &json)?.into())),
                None => None,
            };
            if target.state_key.is_some() {
                let successor = successor.as_ref().map_or(0, |successor| successor.seq);
                commit.writes.push(store::events::replaced_by(room.shard, room_id, &target, successor));
            }
            for (seq, json) in [(target.seq, json)].into_iter().chain(copy) {
                commit.writes.push(store::events::redact(room.shard, room_id, seq, json.get()));
                commit.changes.push(Change::Redacted { room_id: room.id.clone(), seq, json });
            }
            commit
        };
        match chat.commit(commit).await {
            Ok(Outcome::Committed(record)) => {
                return record.events.first().map(|e| e.event_id.clone()).ok_or_else(busy);
            }
            Ok(Outcome::Duplicate { event_id }) => return Ok(event_id.into()),
            // Overtaken by another change of the room, or by what repeats the event.
            Err(store::Error::Stale | store::Error::Expectation(_)) => chat.fresh().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(busy())
}

/// The state event that replaced this one, and repeats its content.
async fn successor(chat: &Chat, room: &Room, event: &Event) -> Result<Option<Arc<Event>>> {
    let Some(state_key) = &event.state_key else { return Ok(None) };
    Ok(store::rooms::state_after(&chat.db, room.shard, &room.id, &event.kind, state_key, event.seq).await?)
}

/// The event with the content of its redacted predecessor.
fn with_prev_content(event: &Event, predecessor: &RawValue) -> Result<Box<RawValue>> {
    use serde_json::{Map, Value};
    let object = |json: &RawValue| serde_json::from_str::<Map<String, Value>>(json.get()).map_err(|e| broken(&e));
    let (mut event, mut predecessor) = (object(&event.json)?, object(predecessor)?);
    if let Some(Value::Object(unsigned)) = event.get_mut("unsigned")
        && let Some(content) = unsigned.get_mut("prev_content")
    {
        *content = predecessor.remove("content").unwrap_or_default();
    }
    to_raw_value(&event).map_err(|e| broken(&e))
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::Store(store::Error::Database(error.to_string().into()))
}

/// What a redaction leaves of an event, by the rules of the room's version.
pub(crate) fn redacted(room: &Room, target: &Event, because: Option<&RawValue>) -> Result<Box<RawValue>> {
    use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue, redact};
    let event: CanonicalJsonObject = serde_json::from_str(target.json.get()).map_err(|e| broken(&e))?;
    let replaced = match event.get("unsigned") {
        Some(CanonicalJsonValue::Object(unsigned)) => unsigned.get("replaces_state").cloned(),
        _ => None,
    };
    let mut left = redact(event, &room.rules.redaction, None).map_err(|e| broken(&e))?;
    let mut unsigned = CanonicalJsonObject::new();
    if let Some(because) = because {
        let because: CanonicalJsonValue = serde_json::from_str(because.get()).map_err(|e| broken(&e))?;
        unsigned.insert("redacted_because".to_owned(), because);
    }
    // Not what was replaced, but that something was: who may read what is decided by the whole history of the state.
    if let Some(replaced) = replaced {
        unsigned.insert("replaces_state".to_owned(), replaced);
    }
    if !unsigned.is_empty() {
        left.insert("unsigned".to_owned(), CanonicalJsonValue::Object(unsigned));
    }
    to_raw_value(&left).map_err(|e| broken(&e))
}
