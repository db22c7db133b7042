//! Sending, reading back, and removing messages.

use e2e::{Server, Value, encode, event_ids, json};

#[tokio::test]
async fn a_message_under_the_same_transaction_id_is_sent_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let first = server.say(&alice, &room, "one").await;
    assert_eq!(server.say(&alice, &room, "one").await, first);
    let path = server.room(&room, "send/m.room.message/one");
    let other = server.put(&path, json!({ "msgtype": "m.text", "body": "changed" })).by(&alice).ok().await;
    assert_eq!(other["event_id"], first);
    // The id is the device's own: others may use the same.
    let phone = server.login("alice").await;
    let of_phone = server.say(&phone, &room, "one").await;
    let of_bob = server.say(&bob, &room, "one").await;
    assert!(first != of_phone && first != of_bob && of_phone != of_bob);
    let server = server.restart().await;
    assert_eq!(server.say(&alice, &room, "one").await, first);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, alice, room) = ((*server).clone(), alice.clone(), room.clone());
        racing.spawn(async move { client.say(&alice, &room, "raced").await });
    }
    let ids = racing.join_all().await;
    assert!(ids.iter().all(|id| *id == ids[0]));
    let history = server.history(&alice, &room).await;
    let bodies: Vec<_> = history.iter().filter_map(|event| event["content"]["body"].as_str()).collect();
    assert_eq!(bodies, ["one", "one", "one", "raced"]);
}

#[tokio::test]
async fn who_repeats_a_message_is_answered_as_the_first_time_whatever_they_may_do_now() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let said = server.say(&bob, &room, "one").await;
    server.moderate(&alice, &room, "kick", &bob).await;
    assert_eq!(server.say(&bob, &room, "one").await, said);
    let path = server.room(&room, "send/m.room.message/two");
    server.put(&path, json!({ "msgtype": "m.text", "body": "two" })).by(&bob).refused(403, "M_FORBIDDEN").await;
}

#[tokio::test]
async fn only_the_device_that_sent_it_sees_the_transaction_id() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.login("alice").await;
    let room = server.public_room(&alice, &[&bob]).await;
    let id = server.say(&alice, &room, "tea").await;
    for (reader, sees) in [(&alice, true), (&phone, false), (&bob, false)] {
        let synced = server.sync(reader, None).await;
        let timeline = synced["rooms"]["join"][&room]["timeline"]["events"].as_array().expect("a timeline").clone();
        let event = server.get(&server.room(&room, &format!("event/{id}"))).by(reader).ok().await;
        let page = server.get(&server.room(&room, "messages?dir=b&limit=1")).by(reader).ok().await;
        let context = server.get(&server.room(&room, &format!("context/{id}"))).by(reader).ok().await;
        for event in [timeline.last().expect("events"), &event, &page["chunk"][0], &context["event"]] {
            assert_eq!(event["event_id"], id);
            let expected = if sees { json!("tea") } else { Value::Null };
            assert_eq!(event["unsigned"]["transaction_id"], expected);
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_read_back_at_once() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let mut since = server.sync(&bob, None).await["next_batch"].clone();
    for n in 0..50 {
        let id = server.say(&alice, &room, &n.to_string()).await;
        let synced = server.sync(&bob, Some(&since)).await;
        assert_eq!(event_ids(&synced["rooms"]["join"][&room]["timeline"]["events"]), std::slice::from_ref(&id));
        since = synced["next_batch"].clone();
        let newest = server.get(&server.room(&room, "messages?dir=b&limit=1")).by(&bob).ok().await;
        assert_eq!(newest["chunk"][0]["event_id"], id);
    }
}

#[tokio::test]
async fn sending_is_refused_to_strangers_and_for_content_that_no_event_may_have() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.create_room(&alice, json!({})).await;
    let path = server.room(&room, "send/m.room.message/t");
    let text = json!({ "msgtype": "m.text", "body": "hello" });
    server.put(&path, text.clone()).by(&bob).refused(403, "M_FORBIDDEN").await;
    server.put(&path, text.clone()).refused(401, "M_MISSING_TOKEN").await;
    server.put(&path, text.clone()).token("nonsense").refused(401, "M_UNKNOWN_TOKEN").await;
    let elsewhere = server.room("!none:localhost", "send/m.room.message/t");
    server.put(&elsewhere, text.clone()).by(&alice).refused(403, "M_FORBIDDEN").await;
    for body in ["[]", "5", "\"text\"", "null", r#"{"n":1.5}"#, r#"{"n":9007199254740992}"#, r#"{"n":1e400}"#] {
        server.request("PUT", &path).by(&alice).body(body).refused(400, "M_BAD_JSON").await;
    }
    for body in ["{", "{\"a\":}", "\u{feff}{}", "{} {}", "{\"a\":1,}"] {
        server.request("PUT", &path).by(&alice).body(body).refused(400, "M_NOT_JSON").await;
    }
    let long = json!({ "body": "x".repeat(66_000) });
    server.put(&path, long).by(&alice).refused(413, "M_TOO_LARGE").await;
    let kind = server.room(&room, &format!("send/{}/t", "k".repeat(300)));
    server.put(&kind, text.clone()).by(&alice).refused(413, "M_TOO_LARGE").await;
    let txn = server.room(&room, &format!("send/m.room.message/{}", "t".repeat(300)));
    server.put(&txn, text.clone()).by(&alice).refused(400, "M_INVALID_PARAM").await;
    let quiet = json!({ "events": { "m.room.message": 101 } });
    let quiet = server
        .create_room(
            &alice,
            json!({ "room_version": "11",
        "power_level_content_override": quiet }),
        )
        .await;
    let path = server.room(&quiet, "send/m.room.message/t");
    server.put(&path, text).by(&alice).refused(403, "M_FORBIDDEN").await;
    let before = server.history(&alice, &room).await;
    assert!(before.iter().all(|event| event.get("state_key").is_some()), "{before:?}");
}

#[tokio::test]
async fn an_event_and_its_surroundings_are_for_those_who_may_read_them() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.create_room(&alice, json!({})).await;
    let mut ids = Vec::new();
    for n in 0..9 {
        ids.push(server.say(&alice, &room, &n.to_string()).await);
    }
    let context = server.room(&room, &format!("context/{}?limit=4", ids[4]));
    let found = server.get(&context).by(&alice).ok().await;
    assert_eq!(found["event"]["event_id"], ids[4]);
    assert_eq!(event_ids(&found["events_before"]), [ids[3].clone(), ids[2].clone()]);
    assert_eq!(event_ids(&found["events_after"]), [ids[5].clone(), ids[6].clone()]);
    assert!(found["state"].as_array().is_some_and(|state| state.iter().any(|e| e["type"] == "m.room.create")));
    let older = server.page_back(&alice, &room, found["start"].as_str(), None).await;
    assert_eq!(older[0]["event_id"], ids[1]);
    let newer = format!("messages?dir=f&limit=9&from={}", found["end"].as_str().expect("a token"));
    let newer = server.get(&server.room(&room, &newer)).by(&alice).ok().await;
    assert_eq!(event_ids(&newer["chunk"]), ids[7..]);
    let alone = server.get(&server.room(&room, &format!("context/{}?limit=0", ids[4]))).by(&alice).ok().await;
    assert_eq!((&alone["events_before"], &alone["events_after"]), (&json!([]), &json!([])));

    let other = server.create_room(&bob, json!({})).await;
    for rest in [format!("event/{}", ids[4]), format!("context/{}", ids[4])] {
        server.get(&server.room(&room, &rest)).by(&bob).refused(404, "M_NOT_FOUND").await;
        server.get(&server.room(&room, &rest)).refused(401, "M_MISSING_TOKEN").await;
        // Not through a room of one's own either.
        server.get(&server.room(&other, &rest)).by(&bob).refused(404, "M_NOT_FOUND").await;
        server.get(&server.room("!none:localhost", &rest)).by(&bob).refused(404, "M_NOT_FOUND").await;
    }
    server.get(&server.room(&room, "event/$none")).by(&alice).refused(404, "M_NOT_FOUND").await;
    server.get(&server.room(&room, "context/$none")).by(&alice).refused(404, "M_NOT_FOUND").await;
    server.get(&format!("{context}&limit=-4")).by(&alice).refused(400, "M_INVALID_PARAM").await;
    let context = server.room(&room, &format!("context/{}?limit=-4", ids[4]));
    server.get(&context).by(&alice).refused(400, "M_INVALID_PARAM").await;
    let context = server.room(&room, &format!("context/{}?filter=%7B", ids[4]));
    assert_eq!(server.get(&context).by(&alice).send().await.0, 400);
}

#[tokio::test]
async fn history_is_paged_in_both_directions_without_loss_or_repetition() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[]).await;
    // More than is kept in memory.
    for n in 0..600 {
        server.say(&alice, &room, &n.to_string()).await;
    }
    let texts = |events: &[Value]| -> Vec<usize> {
        events.iter().filter_map(|event| event["content"]["body"].as_str()?.parse().ok()).collect()
    };
    let expected: Vec<_> = (0..600).collect();
    assert_eq!(texts(&server.history(&alice, &room).await), expected);
    let (mut from, mut forward) = (None::<String>, Vec::new());
    loop {
        let place = from.as_ref().map(|from| format!("&from={from}")).unwrap_or_default();
        let path = server.room(&room, &format!("messages?dir=f&limit=90{place}"));
        let page = server.get(&path).by(&alice).ok().await;
        forward.extend(page["chunk"].as_array().expect("a chunk").iter().cloned());
        match page["end"].as_str() {
            Some(end) => from = Some(end.to_owned()),
            None => break,
        }
    }
    assert_eq!(texts(&forward), expected);
    let server = server.restart().await;
    assert_eq!(texts(&server.history(&alice, &room).await), expected);
    let only = encode(r#"{"types":["m.room.topic"],"not_senders":[]}"#);
    server.set_state(&alice, &room, "m.room.topic", "", json!({ "topic": "tea" })).await;
    let page = server.get(&server.room(&room, &format!("messages?dir=b&limit=5&filter={only}"))).by(&alice).ok().await;
    assert_eq!(page["chunk"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["chunk"][0]["type"], "m.room.topic");

    let refused = |rest: &str| server.get(&server.room(&room, rest)).by(&alice);
    refused("messages").refused(400, "M_INVALID_PARAM").await;
    refused("messages?dir=x").refused(400, "M_INVALID_PARAM").await;
    refused("messages?dir=b&limit=-1").refused(400, "M_INVALID_PARAM").await;
    refused("messages?dir=b&limit=many").refused(400, "M_INVALID_PARAM").await;
    for token in ["x", "t", "t-1", "t1.5", "t99999999999999999999", "s1_", "s1_1"] {
        refused(&format!("messages?dir=b&from={token}")).refused(400, "M_INVALID_PARAM").await;
        refused(&format!("messages?dir=b&to={token}")).refused(400, "M_INVALID_PARAM").await;
    }
    let synced = server.sync(&alice, None).await;
    let far = e2e::far_token(synced["next_batch"].as_str().expect("a token"));
    for token in ["t0", "t1", "t9223372036854775807", &far] {
        for dir in ["b", "f"] {
            refused(&format!("messages?dir={dir}&from={token}")).ok().await;
            refused(&format!("messages?dir={dir}&to={token}&limit=18446744073709551615")).ok().await;
        }
    }
    let private = server.create_room(&alice, json!({})).await;
    server.get(&server.room(&private, "messages?dir=b")).by(&bob).refused(403, "M_FORBIDDEN").await;
    server.get(&server.room(&private, "messages?dir=b")).refused(401, "M_MISSING_TOKEN").await;
}

#[tokio::test]
async fn what_is_removed_is_gone_everywhere_and_stays_gone() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    for version in ["10", "11", "12"] {
        let body = json!({ "preset": "public_chat", "room_version": version });
        let room = server.create_room(&alice, body).await;
        server.join(&bob, &room).await;
        let secret = server.say(&alice, &room, "secret").await;
        let topic = server.set_state(&alice, &room, "m.room.topic", "", json!({ "topic": "secret" })).await;
        let since = server.sync(&bob, None).await["next_batch"].clone();
        let redact = |id: &str, txn: &str| server.room(&room, &format!("redact/{}/{txn}", encode(id)));
        let first = server.put(&redact(&secret, "r1"), json!({ "reason": "oops" })).by(&alice).ok().await;
        let again = server.put(&redact(&secret, "r1"), json!({ "reason": "oops" })).by(&alice).ok().await;
        assert_eq!(first, again);
        server.put(&redact(&topic, "r2"), json!({})).by(&alice).ok().await;
        // Sending the event itself is the same command.
        let other = server.say(&bob, &room, "secret").await;
        server.send_event(&bob, &room, "m.room.redaction", "r3", json!({ "redacts": other })).await;
        let synced = server.sync(&bob, Some(&since)).await;
        let news = &synced["rooms"]["join"][&room]["timeline"]["events"];
        assert_eq!(news[0]["event_id"], first["event_id"]);
        assert_eq!((&news[0]["redacts"], &news[0]["content"]["redacts"]), (&json!(secret), &json!(secret)));
        assert_eq!(news[0]["content"]["reason"], "oops");
        for id in [&topic, &secret] {
            server.put(&redact(id, "r4"), json!({})).by(&bob).refused(403, "M_FORBIDDEN").await;
        }
        server.put(&redact("$none", "r5"), json!({})).by(&alice).refused(404, "M_NOT_FOUND").await;
        server.put(&redact(&secret, "r6"), json!({ "reason": 5 })).by(&alice).refused(400, "M_BAD_JSON").await;
        server.put(&redact(&secret, "r6"), json!({})).refused(401, "M_MISSING_TOKEN").await;
    }
    let rooms = server.get("/_matrix/client/v3/joined_rooms").by(&bob).ok().await;
    let check = async |server: &Server| {
        for room in rooms["joined_rooms"].as_array().expect("rooms") {
            let room = room.as_str().expect("a room id");
            let mut seen = vec![Value::Array(server.history(&bob, room).await)];
            seen.push(server.sync(&bob, None).await);
            seen.push(server.get(&server.room(room, "state")).by(&bob).ok().await);
            let ids = event_ids(&seen[0]);
            for id in &ids {
                let path = server.room(room, &format!("event/{}", encode(id)));
                seen.push(server.get(&path).by(&bob).ok().await);
                let path = server.room(room, &format!("context/{}", encode(id)));
                seen.push(server.get(&path).by(&bob).ok().await);
            }
            let topic = server.get(&server.room(room, "state/m.room.topic")).by(&bob).ok().await;
            assert_eq!(topic, json!({}));
            for seen in seen {
                assert!(!seen.to_string().contains(r#""secret""#), "{seen}");
            }
        }
        let removed = server.history(&bob, rooms["joined_rooms"][0].as_str().expect("a room id")).await;
        assert_eq!(removed.iter().filter(|event| event["unsigned"].get("redacted_because").is_some()).count(), 3);
    };
    check(&server).await;
    let server = server.restart().await;
    check(&server).await;
}
