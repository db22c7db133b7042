//! What nearly every test of rooms does: make one, join it, talk in it, sync.

use serde_json::{Value, json};

use crate::{Client, User};

impl Client {
    /// Creates a room and returns its id.
    pub async fn create_room(&self, user: &User, body: Value) -> String {
        let created = self.post("/_matrix/client/v3/createRoom", body).by(user).ok().await;
        created["room_id"].as_str().expect("a room id").to_owned()
    }

    /// Creates a room that anyone may join; the others join it.
    pub async fn public_room(&self, creator: &User, others: &[&User]) -> String {
        let room = self.create_room(creator, json!({ "preset": "public_chat" })).await;
        for user in others {
            self.join(user, &room).await;
        }
        room
    }

    /// Joins a room by its id or address.
    pub async fn join(&self, user: &User, room: &str) {
        self.post(&format!("/_matrix/client/v3/join/{}", encode(room)), json!({})).by(user).ok().await;
    }

    /// Leaves a room.
    pub async fn leave(&self, user: &User, room: &str) {
        self.post(&self.room(room, "leave"), json!({})).by(user).ok().await;
    }

    /// `action` is `invite`, `kick`, `ban` or `unban`.
    pub async fn moderate(&self, user: &User, room: &str, action: &str, target: &User) {
        self.post(&self.room(room, action), json!({ "user_id": target.id })).by(user).ok().await;
    }

    /// The path of something in a room.
    pub fn room(&self, room: &str, rest: &str) -> String {
        format!("/_matrix/client/v3/rooms/{}/{rest}", encode(room))
    }

    /// Sends a text message, its text being its transaction id, and returns the event id.
    pub async fn say(&self, user: &User, room: &str, text: &str) -> String {
        self.send_event(user, room, "m.room.message", text, json!({ "msgtype": "m.text", "body": text })).await
    }

    /// Sends a message and returns the event id.
    pub async fn send_event(&self, user: &User, room: &str, kind: &str, txn: &str, content: Value) -> String {
        let path = self.room(room, &format!("send/{kind}/{}", encode(txn)));
        let sent = self.put(&path, content).by(user).ok().await;
        sent["event_id"].as_str().expect("an event id").to_owned()
    }

    /// Sets state under a key and returns the event id.
    pub async fn set_state(&self, user: &User, room: &str, kind: &str, key: &str, content: Value) -> String {
        let path = self.room(room, &format!("state/{kind}/{}", encode(key)));
        let sent = self.put(&path, content).by(user).ok().await;
        sent["event_id"].as_str().expect("an event id").to_owned()
    }

    /// Syncs without waiting.
    pub async fn sync(&self, user: &User, since: Option<&Value>) -> Value {
        self.sync_with(user, since, "").await
    }

    /// Syncs with more parameters (`timeout=1000&…`).
    pub async fn sync_with(&self, user: &User, since: Option<&Value>, parameters: &str) -> Value {
        let since = since.map(|token| format!("&since={}", token.as_str().expect("a token")));
        let path = format!("/_matrix/client/v3/sync?set_presence=offline{}&{parameters}", since.unwrap_or_default());
        self.get(&path).by(user).ok().await
    }

    /// The whole history of a room that the user may see, oldest first.
    pub async fn history(&self, user: &User, room: &str) -> Vec<Value> {
        let mut events = self.page_back(user, room, None, None).await;
        events.reverse();
        events
    }

    /// Pages backwards from a token to another, newest first.
    pub async fn page_back(&self, user: &User, room: &str, from: Option<&str>, to: Option<&str>) -> Vec<Value> {
        let mut events = Vec::new();
        let mut from = from.map(ToOwned::to_owned);
        for _ in 0..1000 {
            let place = |name: &str, token: Option<&str>| token.map(|token| format!("&{name}={token}"));
            let places = [place("from", from.as_deref()), place("to", to)].into_iter().flatten().collect::<String>();
            let path = self.room(room, &format!("messages?dir=b&limit=7{places}"));
            let page = self.get(&path).by(user).ok().await;
            events.extend(page["chunk"].as_array().expect("a chunk").iter().cloned());
            match page["end"].as_str() {
                Some(end) => from = Some(end.to_owned()),
                None => return events,
            }
        }
        panic!("the history of {room} does not end");
    }
}

/// The ids of events in a JSON array; none if there is no array.
pub fn event_ids(events: &Value) -> Vec<String> {
    let id = |event: &Value| event["event_id"].as_str().expect("an event id").to_owned();
    events.as_array().map(|events| events.iter().map(id).collect()).unwrap_or_default()
}

/// Percent-encodes everything that is not plain in a path or a query.
pub fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$@:".contains(&byte);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
