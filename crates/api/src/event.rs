//! An event as a client gets it: the stored bytes, and for the device that sent it the transaction id.

use std::sync::Arc;

use chat::{Event, filters::Filter, sessions::Session};
use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;

/// For whom events are serialized.
#[derive(Clone, Copy)]
pub(crate) struct Viewer<'a> {
    pub(crate) session: &'a Session,
    /// The filter that names the wanted fields, if it does.
    pub(crate) fields: Option<&'a Filter>,
}

impl<'a> Viewer<'a> {
    /// Somebody who wants whole events.
    pub(crate) fn new(session: &'a Session) -> Self {
        Self { session, fields: None }
    }

    /// The events, ready to be serialized.
    pub(crate) fn all(self, events: &'a [Arc<Event>]) -> Vec<ClientEvent<'a>> {
        events.iter().map(|event| ClientEvent { event, viewer: self }).collect()
    }
}

/// An event for one viewer.
pub(crate) struct ClientEvent<'a> {
    pub(crate) event: &'a Event,
    pub(crate) viewer: Viewer<'a>,
}

impl ClientEvent<'_> {
    /// The transaction id, if the viewer's device sent the event.
    fn txn_id(&self) -> Option<&str> {
        let (device_id, txn_id) = self.event.txn.as_ref()?;
        let own =
            *device_id == self.viewer.session.device_id && *self.event.sender == *self.viewer.session.user_id.as_str();
        own.then_some(txn_id)
    }
}

impl Serialize for ClientEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = &self.event.json;
        if let Some(filter) = self.viewer.fields {
            let event = serde_json::from_str(raw.get()).map_err(S::Error::custom)?;
            return filter.select_fields(event).serialize(serializer);
        }
        match self.txn_id() {
            None => raw.serialize(serializer),
            Some(txn_id) => with_txn_id(raw.get(), txn_id).map_err(S::Error::custom)?.serialize(serializer),
        }
    }
}

/// Messages are stored without `unsigned`, so it is put in before the last brace.
fn with_txn_id(json: &str, txn_id: &str) -> serde_json::Result<Box<RawValue>> {
    let open = json.trim_end().strip_suffix('}').unwrap_or(json);
    RawValue::from_string(format!(r#"{open},"unsigned":{{"transaction_id":{}}}}}"#, serde_json::to_string(txn_id)?))
}
