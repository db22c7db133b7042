//! People who had what they said erased: who joins a room after that reads it only as a redaction would have left it.
//!
//! Client-Server API, "Account deactivation": no redactions are sent, and who was there before reads on.

use std::sync::Arc;

use dashmap::DashMap;
use store::{Db, accounts::users, log::Event};

use crate::{
    Result, Room,
    rooms::{redact, visibility::View},
};

/// When each of them asked for it, milliseconds.
#[derive(Default)]
pub(crate) struct Erased(DashMap<Arc<str>, i64>);

impl Erased {
    /// Takes in what the database knows.
    pub(crate) async fn read(&self, db: &Db) -> Result<()> {
        users::erased(db).await?.iter().for_each(|(user_id, ts)| self.insert(user_id, *ts));
        Ok(())
    }

    pub(crate) fn insert(&self, user_id: &Arc<str>, ts: i64) {
        self.0.insert(user_id.clone(), ts);
    }

    /// The events as they are served to who has this view of the room.
    pub(crate) fn copies(&self, room: &Room, view: &View, events: &mut [Arc<Event>]) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        for event in events {
            let erased = self.0.get(&event.sender).map(|ts| *ts);
            if erased.is_some_and(|ts| view.joined_ts.is_none_or(|joined| joined > ts)) {
                let json = redact::redacted(room, event, None)?.into();
                *event = Arc::new(Event { json, txn: None, ..Event::clone(event) });
            }
        }
        Ok(())
    }
}
