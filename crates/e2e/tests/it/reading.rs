//! History visibility: who reads what was sent when.

use e2e::{Server, User, Value, encode, event_ids, json};

async fn texts(server: &Server, user: &User, room: &str) -> Vec<String> {
    let history = server.history(user, room).await;
    history.iter().filter_map(|event| event["content"]["body"].as_str()).map(ToOwned::to_owned).collect()
}

async fn room_with(server: &Server, creator: &User, visibility: &str) -> String {
    let state = json!([{ "type": "m.room.history_visibility", "content": { "history_visibility": visibility } }]);
    server.create_room(creator, json!({ "preset": "public_chat", "initial_state": state })).await
}

#[tokio::test]
async fn each_visibility_opens_history_from_its_own_point_on() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    for (visibility, expected) in [
        ("world_readable", ["first", "invited", "joined"].as_slice()),
        ("shared", &["first", "invited", "joined"]),
        ("invited", &["invited", "joined"]),
        ("joined", &["joined"]),
    ] {
        let room = room_with(&server, &alice, visibility).await;
        let first = server.say(&alice, &room, "first").await;
        server.moderate(&alice, &room, "invite", &bob).await;
        server.say(&alice, &room, "invited").await;
        server.join(&bob, &room).await;
        server.say(&alice, &room, "joined").await;
        assert_eq!(texts(&server, &bob, &room).await, expected, "{visibility}");
        let synced = server.sync(&bob, None).await;
        let timeline = synced["rooms"]["join"][&room]["timeline"]["events"].as_array().expect("events").clone();
        let synced: Vec<_> = timeline.iter().filter_map(|event| event["content"]["body"].as_str()).collect();
        assert_eq!(synced, expected, "{visibility}");
        let event = server.room(&room, &format!("event/{}", encode(&first)));
        let sees_first = expected.contains(&"first");
        assert_eq!(server.get(&event).by(&bob).send().await.0, if sees_first { 200 } else { 404 }, "{visibility}");
        let open = visibility == "world_readable";
        assert_eq!(server.get(&event).by(&carol).send().await.0, if open { 200 } else { 404 });
        for rest in ["state", "messages?dir=b", "members", "aliases", "state/m.room.create"] {
            let (status, body) = server.get(&server.room(&room, rest)).by(&carol).send().await;
            assert_eq!(status, if open { 200 } else { 403 }, "{visibility} {rest}: {body}");
        }
        let send = server.room(&room, "send/m.room.message/1");
        server.put(&send, json!({ "body": "x" })).by(&carol).refused(403, "M_FORBIDDEN").await;
    }
}

#[tokio::test]
async fn a_change_of_visibility_does_not_open_what_was_sent_before() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = room_with(&server, &alice, "joined").await;
    server.say(&alice, &room, "closed").await;
    let open = json!({ "history_visibility": "shared" });
    let change = server.set_state(&alice, &room, "m.room.history_visibility", "", open).await;
    server.say(&alice, &room, "open").await;
    server.join(&bob, &room).await;
    assert_eq!(texts(&server, &bob, &room).await, ["open"]);
    // Removing the event that changed it forgets nothing of what was before.
    let redact = server.room(&room, &format!("redact/{}/r", encode(&change)));
    server.put(&redact, json!({})).by(&alice).ok().await;
    assert_eq!(texts(&server, &bob, &room).await, ["open"]);
    let server = server.restart().await;
    assert_eq!(texts(&server, &bob, &room).await, ["open"]);
}

#[tokio::test]
async fn who_was_away_reads_what_was_sent_meanwhile_only_if_it_was_shared() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    for (visibility, expected) in [("shared", ["in", "away", "back"].as_slice()), ("joined", &["in", "back"])] {
        let room = room_with(&server, &alice, visibility).await;
        server.join(&bob, &room).await;
        let since = server.sync(&bob, None).await["next_batch"].clone();
        server.say(&alice, &room, "in").await;
        server.leave(&bob, &room).await;
        server.say(&alice, &room, "away").await;
        server.join(&bob, &room).await;
        server.say(&alice, &room, "back").await;
        assert_eq!(texts(&server, &bob, &room).await, expected, "{visibility}");
        // Leave and return between two syncs.
        let synced = server.sync(&bob, Some(&since)).await;
        let events = synced["rooms"]["join"][&room]["timeline"]["events"].as_array().expect("events").clone();
        let synced: Vec<_> = events.iter().filter_map(|event| event["content"]["body"].as_str()).collect();
        assert_eq!(synced, expected, "{visibility}");
    }
}

#[tokio::test]
async fn the_limit_of_a_context_is_one_of_both_sides_together() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let room = server.create_room(&alice, json!({})).await;
    let mut ids = Vec::new();
    for n in 0..9 {
        ids.push(server.say(&alice, &room, &n.to_string()).await);
    }
    for (limit, before, after) in [("0", 0, 0), ("1", 0, 1), ("2", 1, 1), ("3", 1, 2), ("4", 2, 2)] {
        let path = server.room(&room, &format!("context/{}?limit={limit}", encode(&ids[4])));
        let context = server.get(&path).by(&alice).ok().await;
        assert_eq!(context["event"]["event_id"], ids[4]);
        let mut older = event_ids(&context["events_before"]);
        older.reverse();
        assert_eq!(older, ids[4 - before..4], "{limit}");
        assert_eq!(event_ids(&context["events_after"]), ids[5..5 + after], "{limit}");
        // The tokens go on where the context ends, on both sides.
        let older = server.page_back(&alice, &room, context["start"].as_str(), None).await;
        assert_eq!(event_ids(&Value::Array(older)).first(), ids[..4 - before].last(), "{limit}");
        let path = format!("messages?dir=f&limit=1&from={}", context["end"].as_str().expect("a token"));
        let newer = server.get(&server.room(&room, &path)).by(&alice).ok().await;
        assert_eq!(event_ids(&newer["chunk"]).first(), ids.get(5 + after), "{limit}");
    }
    for limit in ["-1", "x", "1.5"] {
        let path = server.room(&room, &format!("context/{}?limit={limit}", encode(&ids[4])));
        server.get(&path).by(&alice).refused(400, "M_INVALID_PARAM").await;
    }
}
