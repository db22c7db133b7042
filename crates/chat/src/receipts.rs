//! Read receipts and the fully-read marker.

use std::sync::Arc;

use serde_json::{json, value::RawValue};
use store::{
    events,
    log::{Change, Commit, Event, NewReceipt, Receipt, RoomPart},
};

use crate::{Chat, Error, Result, Room, account_data, rooms::send, sessions::Session};

/// Which mark to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `m.read`: everyone may see it.
    Read,
    /// `m.read.private`: only the user's own devices.
    ReadPrivate,
    /// `m.fully_read`: where the user has read up to, as account data.
    FullyRead,
}

impl Kind {
    /// Reads the specification's name.
    ///
    /// # Errors
    /// M_INVALID_PARAM.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "m.read" => Ok(Self::Read),
            "m.read.private" => Ok(Self::ReadPrivate),
            "m.fully_read" => Ok(Self::FullyRead),
            _ => Err(Error::invalid("The receipt type has to be m.read, m.read.private or m.fully_read.")),
        }
    }
}

/// Moves a mark to an event. Marks never move backwards.
///
/// # Errors
/// M_FORBIDDEN if the user is not in the room, M_NOT_FOUND if the event is not in it, M_INVALID_PARAM if the thread's
/// first event is not.
pub async fn set(
    chat: &Chat,
    session: &Session,
    room_id: &str,
    kind: Kind,
    event_id: &str,
    thread: Option<&str>,
) -> Result<()> {
    let room = chat.joined_room(room_id, session.user_id.as_str()).await?.ok_or_else(send::not_in_room)?;
    // Anything else would be kept as a thread of its own, for ever.
    if let Some(thread) = thread.filter(|thread| *thread != "main")
        && find(chat, &room, thread).await?.is_none()
    {
        return Err(Error::invalid("`thread_id` is \"main\" or the id of a thread's first event."));
    }
    let unknown = || Error::not_found("There is no such message in this room.");
    let event = find(chat, &room, event_id).await?.ok_or_else(unknown)?;
    if kind == Kind::FullyRead {
        return fully_read(chat, session, &room, &event).await;
    }
    let receipt = Receipt {
        room_id: room.id.clone(),
        user_id: session.user_id.as_str().into(),
        kind: if kind == Kind::Read { "m.read" } else { "m.read.private" }.into(),
        thread: thread.unwrap_or_default().into(),
        event_id: event.event_id.clone(),
        seq: event.seq,
        count: event.count,
        ts: chat.env.now(),
    };
    let key = (receipt.user_id.clone(), receipt.kind.clone(), receipt.thread.clone());
    if room.inner.read().receipts.get(&key).is_some_and(|read| read.receipt.seq >= event.seq) {
        return Ok(());
    }
    let mut writes = Vec::new();
    if thread.is_none_or(|thread| thread == "main") {
        writes.push(store::receipts::clear_mentions(room.shard, room_id, &receipt.user_id, event.seq));
    }
    let commit = Commit {
        shard: room.shard,
        ts: receipt.ts,
        // No event, but the room has changed: whoever syncs from an older position looks at it.
        room: Some(RoomPart { room_id: room.id.clone(), ..RoomPart::default() }),
        receipts: vec![NewReceipt::Read(receipt.clone())],
        changes: vec![Change::Receipt(receipt)],
        writes,
        ..Commit::default()
    };
    chat.commit(commit).await?;
    Ok(())
}

/// The marker stands in the user's account data for the room.
async fn fully_read(chat: &Chat, session: &Session, room: &Room, event: &Event) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Marker {
        event_id: String,
    }
    let change = |current: Option<Arc<RawValue>>| async move {
        if let Some(current) = current.and_then(|json| serde_json::from_str::<Marker>(json.get()).ok())
            && find(chat, room, &current.event_id).await?.is_some_and(|current| current.seq >= event.seq)
        {
            return Ok(None);
        }
        Ok(Some(json!({ "event_id": event.event_id })))
    };
    account_data::modify(chat, session.user_id.as_str(), &room.id, "m.fully_read", change).await
}

async fn find(chat: &Chat, room: &Room, event_id: &str) -> Result<Option<Arc<Event>>> {
    let recent = {
        let inner = room.inner.read();
        inner.ring.iter().rev().find(|event| event.event_id.as_ref() == event_id).cloned()
    };
    match recent {
        Some(event) => Ok(Some(event)),
        None => Ok(events::by_id(&chat.db, room.shard, &room.id, event_id).await?),
    }
}
