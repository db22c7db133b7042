//! The WebSocket: the same news and commands as over HTTP.

use std::time::Duration;

use e2e::{Client, Server, Stream, User, Value, event_ids, json};

const PATIENCE: Duration = Duration::from_secs(10);

async fn open(client: &Client, user: &User, query: &str) -> Stream {
    client.stream(user, query).await.expect("the server upgrades")
}

async fn next(stream: &mut Stream) -> Value {
    let frame = tokio::time::timeout(PATIENCE, stream.next()).await.expect("a frame in time");
    frame.expect("a sound connection").expect("an open connection")
}

async fn call(stream: &mut Stream, method: &str, params: Value) -> Value {
    let (answer, _) = stream.call(method, params).await.expect("an answer");
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// The close code, once the server has closed the connection.
async fn closed(stream: &mut Stream) -> Option<u16> {
    let end = async { while let Ok(Some(_)) = stream.next().await {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the server closes in time");
    stream.close_code()
}

#[tokio::test]
async fn a_client_says_who_it_is_in_the_header_or_in_the_first_frame() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let first = next(&mut open(&server, &alice, "").await).await;
    let since = first["next_batch"].as_str().expect("a token").to_owned();
    for (token, query) in [(Some("nonsense"), ""), (Some(alice.token.as_str()), "since=nonsense")] {
        assert!(server.stream_with(query, token).await.is_err());
    }
    let auth = |params: Value| json!({ "id": "a", "method": "auth", "params": params }).to_string();
    let mut stream = server.stream_with("", None).await.expect("open");
    stream.send(&auth(json!({ "access_token": alice.token, "since": since }))).await.expect("sent");
    let answer = next(&mut stream).await;
    let result = json!({ "user_id": alice.id, "device_id": alice.device });
    assert_eq!(answer, json!({ "id": "a", "result": result }));
    assert!(next(&mut stream).await.get("next_batch").is_some(), "the first body comes even without news");

    for (frame, errcode, code) in [
        (auth(json!({ "access_token": "nonsense" })), Some("M_UNKNOWN_TOKEN"), 4401),
        (json!({ "id": "a", "method": "ping" }).to_string(), Some("M_MISSING_TOKEN"), 4401),
        (auth(json!({ "access_token": alice.token, "since": "x" })), Some("M_INVALID_PARAM"), 4400),
        (auth(json!({ "access_token": 5 })), Some("M_BAD_JSON"), 4400),
        ("nonsense".to_owned(), None, 4400),
        ("{}".to_owned(), None, 4400),
    ] {
        let mut stream = server.stream_with("", None).await.expect("open");
        stream.send(&frame).await.expect("sent");
        if let Some(errcode) = errcode {
            assert_eq!(next(&mut stream).await["error"]["errcode"], errcode, "{frame}");
        }
        assert_eq!(closed(&mut stream).await, Some(code), "{frame}");
    }
    let mut stream = server.stream_with("", None).await.expect("open");
    stream.send_binary(b"\x00\xff").await.expect("sent");
    assert_eq!(closed(&mut stream).await, Some(4400));
    let plain = server.get("/_matrix/client/unstable/org.chatbook.stream").by(&alice).send().await;
    assert!((400..500).contains(&plain.0), "{plain:?}");
}

#[tokio::test]
async fn every_command_works_and_every_refusal_has_its_errcode() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let closed_room = server.create_room(&bob, json!({})).await;
    let mut stream = open(&server, &alice, "").await;
    next(&mut stream).await;
    assert_eq!(call(&mut stream, "ping", json!({})).await, json!({}));
    let text = json!({ "msgtype": "m.text", "body": "one" });
    let send = json!({ "room_id": room, "type": "m.room.message", "txn_id": "one", "content": text });
    let id = call(&mut stream, "send", send.clone()).await["event_id"].as_str().expect("an id").to_owned();
    assert_eq!(call(&mut stream, "send", send).await["event_id"], id);
    assert_eq!(server.say(&alice, &room, "one").await, id, "over HTTP it is the same transaction");
    let topic = json!({ "room_id": room, "type": "m.room.topic", "state_key": "", "content": { "topic": "tea" } });
    call(&mut stream, "state", topic).await;
    let read = json!({ "room_id": room, "receipt_type": "m.read", "event_id": id, "thread_id": "main" });
    assert_eq!(call(&mut stream, "receipt", read).await, json!({}));
    let marker = json!({ "room_id": room, "m.fully_read": id, "m.read.private": id });
    assert_eq!(call(&mut stream, "read_marker", marker).await, json!({}));
    call(&mut stream, "typing", json!({ "room_id": room, "typing": true, "timeout": 5000 })).await;
    call(&mut stream, "presence", json!({ "presence": "unavailable", "status_msg": "tea" })).await;
    let redact = json!({ "room_id": room, "event_id": id, "txn_id": "r", "reason": "x" });
    let redaction = call(&mut stream, "redact", redact.clone()).await;
    assert_eq!(call(&mut stream, "redact", redact).await, redaction);
    let synced = server.sync(&bob, None).await;
    let news = &synced["rooms"]["join"][&room];
    assert!(news["ephemeral"].to_string().contains(&id) && news["ephemeral"].to_string().contains("m.typing"));
    assert_eq!(synced["presence"]["events"][0]["content"]["presence"], "unavailable");
    let data = server.sync(&alice, None).await["rooms"]["join"][&room]["account_data"]["events"].clone();
    assert_eq!(data, json!([{ "type": "m.fully_read", "content": { "event_id": id } }]));

    let send = |room: &str, content: Value| json!({ "room_id": room, "type": "m.room.message", "txn_id": "t", "content": content });
    for (method, params, errcode) in [
        ("send", send(&closed_room, json!({})), "M_FORBIDDEN"),
        ("send", send("nonsense", json!({})), "M_FORBIDDEN"),
        ("send", send(&room, json!([])), "M_BAD_JSON"),
        ("send", send(&room, json!({ "n": 1.5 })), "M_BAD_JSON"),
        ("send", send(&room, json!({ "n": "x".repeat(70_000) })), "M_TOO_LARGE"),
        ("send", json!({ "room_id": room }), "M_BAD_JSON"),
        ("send", json!({ "room_id": room, "type": "a\u{0}b", "txn_id": "n", "content": {} }), "M_INVALID_PARAM"),
        ("send", json!({ "room_id": room, "type": "a", "txn_id": "", "content": {} }), "M_INVALID_PARAM"),
        ("state", json!({ "room_id": closed_room, "type": "a", "content": {} }), "M_FORBIDDEN"),
        ("redact", json!({ "room_id": room, "event_id": "$none", "txn_id": "x" }), "M_NOT_FOUND"),
        ("redact", json!({ "room_id": closed_room, "event_id": "$none", "txn_id": "x" }), "M_FORBIDDEN"),
        ("typing", json!({ "room_id": closed_room, "typing": true }), "M_FORBIDDEN"),
        ("receipt", json!({ "room_id": room, "receipt_type": "m.seen", "event_id": id }), "M_INVALID_PARAM"),
        ("receipt", json!({ "room_id": room, "receipt_type": "m.read", "event_id": "$none" }), "M_NOT_FOUND"),
        (
            "receipt",
            json!({ "room_id": room, "receipt_type": "m.read", "event_id": id, "thread_id": "x".repeat(999) }),
            "M_INVALID_PARAM",
        ),
        ("read_marker", json!({ "room_id": room, "m.fully_read": "$none" }), "M_NOT_FOUND"),
        ("presence", json!({ "presence": "dancing" }), "M_BAD_JSON"),
        ("presence", json!({ "presence": "online", "status_msg": "x".repeat(999) }), "M_INVALID_PARAM"),
        ("ack", json!({ "next_batch": "nonsense" }), "M_INVALID_PARAM"),
        ("dance", json!({}), "M_UNRECOGNIZED"),
    ] {
        let (answer, _) = stream.call(method, params.clone()).await.expect("an answer");
        assert_eq!(answer["error"]["errcode"], errcode, "{method} {params}: {answer}");
    }
    stream.send("[1,2]").await.expect("sent");
    assert_eq!(closed(&mut stream).await, Some(4400));
    let mut stream = open(&server, &alice, "").await;
    stream.send(&format!("\"{}\"", "x".repeat(300_000))).await.ok();
    assert_eq!(closed(&mut stream).await, Some(1009));
}

#[tokio::test]
async fn the_stream_resumes_and_tells_the_same_order_as_sync() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let start = server.sync(&bob, None).await["next_batch"].clone();
    let mut since = start.as_str().expect("a token").to_owned();
    let mut seen = Vec::new();
    let mut sent = tokio::task::JoinSet::new();
    for n in 0..4 {
        let (client, alice, room) = ((*server).clone(), alice.clone(), room.clone());
        sent.spawn(async move {
            for m in 0..50 {
                client.say(&alice, &room, &format!("{n} {m}")).await;
            }
        });
    }
    while seen.len() < 200 {
        // Connections break all the time.
        let mut stream = open(&server, &bob, &format!("since={since}")).await;
        for _ in 0..5 {
            let body = next(&mut stream).await;
            assert_ne!(body["rooms"]["join"][&room]["timeline"]["limited"], true);
            seen.extend(event_ids(&body["rooms"]["join"][&room]["timeline"]["events"]));
            since = body["next_batch"].as_str().expect("a token").to_owned();
            if seen.len() == 200 {
                break;
            }
        }
    }
    sent.join_all().await;
    let filter = e2e::encode(r#"{"room":{"timeline":{"limit":500}}}"#);
    let synced = server.sync_with(&bob, Some(&start), &format!("filter={filter}")).await;
    assert_eq!(event_ids(&synced["rooms"]["join"][&room]["timeline"]["events"]), seen);
}

#[tokio::test]
async fn a_slow_reader_gets_everything() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let start = server.sync(&bob, None).await["next_batch"].as_str().expect("a token").to_owned();
    let mut stream = open(&server, &bob, &format!("since={start}")).await;
    let mut sent = Vec::new();
    for n in 0..400 {
        let content = json!({ "msgtype": "m.text", "body": format!("{n} {}", "x".repeat(20_000)) });
        sent.push(server.send_event(&alice, &room, "m.room.message", &n.to_string(), content).await);
    }
    let (mut seen, mut since) = (Vec::new(), start);
    while seen.last() != sent.last() {
        let body = next(&mut stream).await;
        let timeline = &body["rooms"]["join"][&room]["timeline"];
        if timeline["limited"] == true {
            let older = server.page_back(&bob, &room, timeline["prev_batch"].as_str(), Some(&since)).await;
            let mut older = event_ids(&Value::Array(older));
            older.reverse();
            seen.extend(older);
        }
        seen.extend(event_ids(&timeline["events"]));
        since = body["next_batch"].as_str().expect("a token").to_owned();
    }
    assert_eq!(seen, sent);
}

#[tokio::test]
async fn signing_out_closes_the_stream() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let phone = server.login("alice").await;
    let (mut one, mut other) = (open(&server, &alice, "").await, open(&server, &phone, "").await);
    next(&mut one).await;
    next(&mut other).await;
    server.post("/_matrix/client/v3/logout", json!({})).by(&alice).ok().await;
    assert_eq!(closed(&mut one).await, Some(4401));
    assert_eq!(call(&mut other, "ping", json!({})).await, json!({}));
    server.post("/_matrix/client/v3/logout/all", json!({})).by(&phone).ok().await;
    assert_eq!(closed(&mut other).await, Some(4401));
}

#[tokio::test]
async fn messages_to_the_device_go_once_acknowledged() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let start = server.sync(&alice, None).await["next_batch"].as_str().expect("a token").to_owned();
    let mut stream = open(&server, &alice, &format!("since={start}")).await;
    next(&mut stream).await;
    let body = json!({ "messages": { &alice.id: { "*": { "n": 1 } } } });
    server.put("/_matrix/client/v3/sendToDevice/org.example.key/1", body).by(&alice).ok().await;
    let news = next(&mut stream).await;
    assert_eq!(news["to_device"]["events"][0]["content"]["n"], 1);
    let again = next(&mut open(&server, &alice, &format!("since={start}")).await).await;
    assert_eq!(again["to_device"]["events"][0]["content"]["n"], 1, "not acknowledged yet");
    call(&mut stream, "ack", json!({ "next_batch": news["next_batch"] })).await;
    let after = next(&mut open(&server, &alice, &format!("since={start}")).await).await;
    assert_eq!(after.get("to_device"), None);
}

#[tokio::test]
async fn many_messages_to_the_device_come_without_anything_else_happening() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let start = server.sync(&alice, None).await["next_batch"].as_str().expect("a token").to_owned();
    for n in 0..250 {
        let body = json!({ "messages": { &alice.id: { "*": { "n": n } } } });
        server.put(&format!("/_matrix/client/v3/sendToDevice/org.example.key/{n}"), body).by(&alice).ok().await;
    }
    let mut stream = open(&server, &alice, &format!("since={start}")).await;
    let mut seen = Vec::new();
    while seen.len() < 250 {
        let events = next(&mut stream).await["to_device"]["events"].as_array().cloned().unwrap_or_default();
        seen.extend(events.iter().map(|event| event["content"]["n"].as_i64().expect("a number")));
    }
    assert_eq!(seen, (0..250).collect::<Vec<_>>());
}

/// Whoever is told to go on from where it is would come back with the same token for ever.
#[tokio::test]
async fn a_token_of_another_number_of_shards_is_refused_like_any_other() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for since in ["s1_1.1.1_0_0.0", "nonsense"] {
        match server.stream(&alice, &format!("since={since}")).await {
            Ok(mut stream) => {
                while stream.next().await.expect("it closes cleanly").is_some() {}
                assert_eq!(stream.close_code(), Some(4400), "{since}");
            }
            Err(refused) => assert!(refused.to_string().contains("400"), "{since}: {refused}"),
        }
    }
}
