//! What the requests of the table are made in: people, a room with messages, files, tokens.

use std::collections::BTreeMap;

use e2e::{Client, PASSWORD, Server, User, Value, encode, json};

use super::table::Route;

/// A picture of four pixels.
const PNG: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x02\x00\x00\x00\x02\x08\x00\x00\x00\x00W\xddR\xf8\x00\x00\x00\x0eIDATx\x9cc\xf8\xcf\xc0\xc0\xf0\x1f\x00\x06\x00\x01\xffx\x5c\xb6\x81\x00\x00\x00\x00IEND\xaeB`\x82";

/// Alice, to whom everything belongs, and others.
pub(super) struct World {
    /// Who may do what the table says.
    pub(super) alice: User,
    /// In Alice's room.
    pub(super) bob: User,
    /// A stranger.
    pub(super) carol: User,
    /// What `$name` stands for in the table.
    names: BTreeMap<&'static str, String>,
}

fn text(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("no {field} in {answer}")).to_owned()
}

/// The id of a file just uploaded or announced.
fn media_id(answer: &Value) -> String {
    text(answer, "content_uri").rsplit('/').next().unwrap_or_default().to_owned()
}

impl World {
    /// Makes one whose people are told apart from others' by `n`. `admin` administers the server.
    pub(super) async fn new(server: &Server, admin: &User, n: usize) -> Self {
        let alice = server.register(&format!("alice{n}")).await;
        let bob = server.register(&format!("bob{n}")).await;
        let carol = server.register(&format!("carol{n}")).await;
        let dave = server.register(&format!("dave{n}")).await;
        let mut names = BTreeMap::new();
        let body = json!({ "room_alias_name": format!("room{n}"), "invite": [bob.id], "topic": "tea" });
        let room = server.create_room(&alice, body).await;
        server.join(&bob, &room).await;
        server.moderate(&alice, &room, "ban", &dave).await;
        names.insert("event", server.say(&alice, &room, "hello").await);
        let knocking = json!([{ "type": "m.room.join_rules", "content": { "join_rule": "knock" } }]);
        names.insert("knock", server.create_room(&bob, json!({ "initial_state": knocking })).await);
        names.insert("public", server.create_room(&bob, json!({ "preset": "public_chat" })).await);
        let left = server.create_room(&alice, json!({})).await;
        server.leave(&alice, &left).await;
        names.insert("left", left);
        let own = |rest: &str| format!("/_matrix/client/v3/user/{}/{rest}", alice.id);
        let filter =
            server.post(&own("filter"), json!({ "room": { "timeline": { "limit": 3 } } })).by(&alice).ok().await;
        names.insert("filter", text(&filter, "filter_id"));
        server.put(&own("account_data/org.example.x"), json!({ "x": 1 })).by(&alice).ok().await;
        server.put(&own(&format!("rooms/{room}/account_data/org.example.x")), json!({ "x": 1 })).by(&alice).ok().await;
        server.put(&own(&format!("rooms/{room}/tags/u.work")), json!({})).by(&alice).ok().await;
        let rule = json!({ "actions": ["notify"], "pattern": "tea" });
        server.put("/_matrix/client/v3/pushrules/global/content/tea", rule).by(&alice).ok().await;
        let upload = |kind: &str, bytes: &'static [u8]| {
            let request = server.request("POST", "/_matrix/media/v3/upload").by(&alice).header("content-type", kind);
            request.body(bytes).ok()
        };
        names.insert("media", media_id(&upload("text/plain", b"a text").await));
        names.insert("picture", media_id(&upload("image/png", PNG).await));
        names.insert("announced", media_id(&server.post("/_matrix/media/v1/create", json!({})).by(&alice).ok().await));
        let token = json!({ "token": format!("token{n}") });
        server.post("/_chatbook/client/v1/registration_tokens", token).by(admin).ok().await;
        names.insert("token", format!("token{n}"));
        names.insert("device", server.login(&format!("alice{n}")).await.device);
        let body = json!({ "type": "m.login.password", "user": format!("alice{n}"), "password": PASSWORD,
            "refresh_token": true });
        let session = server.post("/_matrix/client/v3/login", body).ok().await;
        names.insert("refresh", text(&session, "refresh_token"));
        names.insert("room", room);
        names.insert("alias", format!("#room{n}:localhost"));
        names.insert("new", format!("new{n}"));
        names.insert("password", PASSWORD.to_owned());
        for (name, user) in [("alice", &alice), ("bob", &bob), ("carol", &carol), ("dave", &dave)] {
            names.insert(name, user.id.clone());
        }
        Self { alice, bob, carol, names }
    }

    /// Puts in what the names stand for.
    pub(super) fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.names {
            filled = filled.replace(&format!("${name}"), value);
        }
        filled
    }

    /// Method and path of a request that the table describes.
    pub(super) fn path(&self, route: &Route) -> String {
        let with: BTreeMap<&str, &str> = route
            .with
            .split(' ')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| !name.contains('?'))
            .collect();
        let usual = |name: &str| match name {
            "room" => "$room",
            "event" => "$event",
            "user" | "user_id" => "$alice",
            "alias" => "$alias",
            "device_id" => "$device",
            "filter_id" => "$filter",
            "server_name" => "localhost",
            "media_id" => "$media",
            "token" => "$token",
            "tag" => "u.work",
            "rule_id" => "tea",
            "kind" => "content",
            "type" => "org.example.x",
            "txn" | "filename" | "key" => "x",
            _ => panic!("the table does not say what {name} is in {}", route.path),
        };
        let segment = |segment: &str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => encode(&self.fill(with.get(name).copied().unwrap_or_else(|| usual(name)))),
            None => segment.to_owned(),
        };
        let path: Vec<_> = route.path.split('/').map(segment).collect();
        let query = route.with.split_once('?').map(|(_, query)| format!("?{}", self.fill(query)));
        path.join("/") + &query.unwrap_or_default()
    }

    /// The body that the table describes.
    pub(super) fn body(&self, route: &Route) -> String {
        self.fill(route.body)
    }

    /// Everything of this world that a request could have changed.
    pub(super) async fn snapshot(&self, client: &Client, admin: &User) -> Value {
        let mut seen = Vec::new();
        for user in [&self.alice, &self.bob, &self.carol] {
            let mut synced = client.sync(user, None).await;
            synced["next_batch"] = Value::Null;
            synced["presence"] = Value::Null;
            seen.push(synced);
            for path in ["joined_rooms", "pushrules/", "account/whoami"] {
                seen.push(client.get(&format!("/_matrix/client/v3/{path}")).by(user).ok().await);
            }
            let devices = client.get("/_matrix/client/v3/devices").by(user).ok().await;
            let name = |device: &Value| (device["device_id"].clone(), device["display_name"].clone());
            seen.push(json!(devices["devices"].as_array().expect("devices").iter().map(name).collect::<Vec<_>>()));
            seen.push(client.get(&format!("/_matrix/client/v3/profile/{}", user.id)).ok().await);
        }
        for path in [self.fill("rooms/$room/aliases"), self.fill("publicRooms"), self.fill("rooms/$room/members")] {
            seen.push(client.get(&format!("/_matrix/client/v3/{path}")).by(&self.alice).ok().await);
        }
        for room in ["$room", "$knock", "$public"] {
            seen.push(client.history(&self.bob, &self.fill(room)).await.into());
        }
        seen.push(client.get("/_chatbook/client/v1/registration_tokens").by(admin).ok().await);
        Value::Array(seen)
    }
}
