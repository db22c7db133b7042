//! Nothing sent after a leave is readable by the one who left, and nothing is accepted from who was removed.

use e2e::{Server, User, Value, encode, event_ids, json};

/// Everything that `user` can get hold of in the room.
async fn all_that_is_readable(server: &Server, user: &User, room: &str, since: &Value, ids: &[String]) -> String {
    let all = encode(r#"{"room":{"include_leave":true}}"#);
    let mut seen = vec![
        server.sync(user, None).await,
        server.sync(user, Some(since)).await,
        server.sync_with(user, Some(since), "full_state=true").await,
        server.sync_with(user, None, &format!("filter={all}")).await,
        server.sync_with(user, Some(since), &format!("full_state=true&filter={all}")).await,
    ];
    let mut paths: Vec<String> = [
        "state",
        "members",
        "joined_members",
        "aliases",
        "state/m.room.topic",
        "messages?dir=b&limit=100",
        "messages?dir=f&limit=100",
        "messages?dir=f&limit=100&from=t1",
        "messages?dir=b&from=t9999999",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    let now = server.sync(user, None).await["next_batch"].as_str().expect("a token").to_owned();
    paths.push(format!("members?at={now}"));
    paths.push(format!("messages?dir=b&from={now}&limit=100"));
    for id in ids {
        let id = encode(id);
        paths.push(format!("event/{id}"));
        paths.push(format!("context/{id}?limit=50"));
    }
    for path in paths {
        seen.push(server.get(&server.room(room, &path)).by(user).send().await.1);
    }
    let mut stream = server.stream(user, &format!("since={}", since.as_str().expect("a token"))).await.expect("open");
    seen.push(stream.next().await.expect("a frame").expect("open"));
    seen.push(stream.call("ping", json!({})).await.expect("an answer").1.into());
    Value::Array(seen).to_string()
}

#[tokio::test]
async fn nothing_after_a_leave_is_readable_by_any_endpoint() {
    let server = Server::start().await;
    let (alice, carol) = (server.register("alice").await, server.register("carol").await);
    for how in ["leave", "kick", "ban", "unban", "leave and ban", "decline"] {
        for visibility in ["shared", "invited", "joined"] {
            let bob = server.register(&format!("bob-{}-{visibility}", how.replace(' ', "-"))).await;
            let state =
                json!([{ "type": "m.room.history_visibility", "content": { "history_visibility": visibility } }]);
            let room = server.create_room(&alice, json!({ "preset": "public_chat", "initial_state": state })).await;
            server.join(&bob, &room).await;
            let mut ids = vec![server.say(&alice, &room, "while he was in").await];
            let since = server.sync(&bob, None).await["next_batch"].clone();
            match how {
                "leave" | "leave and ban" | "decline" => server.leave(&bob, &room).await,
                "kick" => server.moderate(&alice, &room, "kick", &bob).await,
                _ => server.moderate(&alice, &room, "ban", &bob).await,
            }
            ids.push(server.say(&alice, &room, "SECRET message").await);
            ids.push(server.set_state(&alice, &room, "m.room.topic", "", json!({ "topic": "SECRET topic" })).await);
            let dress = json!({ "membership": "join", "displayname": "SECRET name" });
            ids.push(server.set_state(&alice, &room, "m.room.member", &alice.id, dress).await);
            let alias = format!("/_matrix/client/v3/directory/room/%23SECRET-{}:localhost", bob.device);
            server.put(&alias, json!({ "room_id": room })).by(&alice).ok().await;
            server.join(&carol, &room).await;
            match how {
                "unban" => server.moderate(&alice, &room, "unban", &bob).await,
                "leave and ban" => server.moderate(&alice, &room, "ban", &bob).await,
                "decline" => {
                    server.moderate(&alice, &room, "invite", &bob).await;
                    // Whom it was made to reads who invites him under which name, and no more.
                    server.leave(&bob, &room).await;
                }
                _ => {}
            }
            ids.push(server.say(&alice, &room, "SECRET again").await);
            let seen = all_that_is_readable(&server, &bob, &room, &since, &ids).await;
            let leak = seen.find("SECRET").map(|at| seen[at.saturating_sub(300)..(at + 60).min(seen.len())].to_owned());
            assert_eq!(leak, None, "{how} {visibility}");
            assert!(!seen.contains(&format!("\"state_key\":\"{}\"", carol.id)), "{how} {visibility}");
            // What was sent before stays readable.
            let before = server.history(&bob, &room).await;
            assert!(before.iter().any(|event| event["content"]["body"] == "while he was in"), "{how} {visibility}");
            for (method, path) in [
                ("PUT", "send/m.room.message/late".to_owned()),
                ("PUT", "state/m.room.topic/".to_owned()),
                ("PUT", format!("typing/{}", bob.id)),
                ("POST", format!("receipt/m.read/{}", encode(&ids[0]))),
                ("POST", "invite".to_owned()),
            ] {
                let body = json!({ "typing": true, "user_id": carol.id });
                let request = server.request(method, &server.room(&room, &path)).json(&body).by(&bob);
                request.refused(403, "M_FORBIDDEN").await;
            }
        }
    }
}

#[tokio::test]
async fn repeating_a_state_that_one_set_before_the_ban_is_refused() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server
        .create_room(
            &alice,
            json!({ "preset": "public_chat",
        "power_level_content_override": { "state_default": 0 } }),
        )
        .await;
    server.join(&bob, &room).await;
    server.set_state(&bob, &room, "org.example.x", "", json!({ "by": "bob" })).await;
    server.moderate(&alice, &room, "ban", &bob).await;
    let path = server.room(&room, "state/org.example.x");
    server.put(&path, json!({ "by": "bob" })).by(&bob).refused(403, "M_FORBIDDEN").await;
}

#[tokio::test]
async fn no_message_stands_after_the_ban_of_its_sender() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for round in 0..5 {
        let bob = server.register(&format!("bob{round}")).await;
        let room = server.public_room(&alice, &[&bob]).await;
        let mut senders = tokio::task::JoinSet::new();
        for n in 0..8 {
            let (client, bob, room) = ((*server).clone(), bob.clone(), room.clone());
            senders.spawn(async move {
                let mut accepted = Vec::new();
                for m in 0..200 {
                    let path = client.room(&room, &format!("send/m.room.message/{n}-{m}"));
                    let (status, body) =
                        client.put(&path, json!({ "msgtype": "m.text", "body": "x" })).by(&bob).send().await;
                    match status {
                        200 => accepted.push(body["event_id"].as_str().expect("an id").to_owned()),
                        403 => break,
                        _ => panic!("{status} {body}"),
                    }
                }
                accepted
            });
        }
        tokio::time::sleep(std::time::Duration::from_millis(20 * (round + 1))).await;
        server.moderate(&alice, &room, "ban", &bob).await;
        let mut accepted = senders.join_all().await.concat();
        let history = server.history(&alice, &room).await;
        let ban = history.iter().position(|event| event["content"]["membership"] == "ban").expect("a ban");
        assert!(history[ban + 1..].iter().all(|event| event["sender"] != bob.id));
        let of_bob: Vec<Value> = history.iter().filter(|e| e["type"] == "m.room.message").cloned().collect();
        let mut stored = event_ids(&Value::Array(of_bob));
        stored.sort();
        accepted.sort();
        assert_eq!(stored, accepted, "what was accepted is there, and nothing else");
        assert!(!stored.is_empty(), "the race took place");
    }
}

#[tokio::test]
async fn who_ends_the_account_leaves_and_a_changed_name_shows() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let since = server.sync(&alice, None).await["next_batch"].clone();
    let path = format!("/_matrix/client/v3/profile/{}/displayname", bob.id);
    server.put(&path, json!({ "displayname": "Bobby" })).by(&bob).ok().await;
    let renamed = server.sync_with(&alice, Some(&since), "timeout=5000").await;
    let event = &renamed["rooms"]["join"][&room]["timeline"]["events"][0];
    assert_eq!((&event["content"]["displayname"], &event["state_key"]), (&json!("Bobby"), &json!(bob.id)));
    let auth = json!({ "type": "m.login.password", "password": e2e::PASSWORD,
        "identifier": { "type": "m.id.user", "user": "bob" } });
    server.post("/_matrix/client/v3/account/deactivate", json!({ "auth": auth })).by(&bob).ok().await;
    let gone = server.sync_with(&alice, Some(&renamed["next_batch"]), "timeout=5000").await;
    let event = &gone["rooms"]["join"][&room]["timeline"]["events"][0];
    assert_eq!((&event["content"]["membership"], &event["state_key"]), (&json!("leave"), &json!(bob.id)));
}

/// Who is typing, by the newest answer that says so.
fn typing(synced: &Value, room: &str) -> Option<Value> {
    let events = synced["rooms"]["join"][room]["ephemeral"]["events"].as_array()?;
    Some(events.iter().rfind(|event| event["type"] == "m.typing")?["content"]["user_ids"].clone())
}

#[tokio::test]
async fn who_is_gone_does_not_type() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for how in ["leave", "kick", "ban"] {
        let bob = server.register(&format!("bob-{how}")).await;
        let room = server.public_room(&alice, &[&bob]).await;
        let since = server.sync(&alice, None).await["next_batch"].clone();
        let path = server.room(&room, &format!("typing/{}", bob.id));
        server.put(&path, json!({ "typing": true, "timeout": 100_000 })).by(&bob).ok().await;
        let synced = server.sync(&alice, Some(&since)).await;
        assert_eq!(typing(&synced, &room), Some(json!([bob.id])));
        match how {
            "leave" => server.leave(&bob, &room).await,
            _ => server.moderate(&alice, &room, how, &bob).await,
        }
        assert_eq!(typing(&server.sync(&alice, None).await, &room).unwrap_or(json!([])), json!([]), "{how}");
        // Who knew that he typed is told that he does not, without waiting for the notice to run out.
        let (mut since, mut told) = (synced["next_batch"].clone(), None);
        for _ in 0..3 {
            let synced = server.sync_with(&alice, Some(&since), "timeout=5000").await;
            since = synced["next_batch"].clone();
            told = typing(&synced, &room).or(told);
            if told == Some(json!([])) {
                break;
            }
        }
        assert_eq!(told, Some(json!([])), "{how}");
    }
}

#[tokio::test]
async fn a_forgotten_room_stays_so_until_its_user_has_to_do_with_it_again() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let said = server.say(&alice, &room, "while he was in").await;
    let start = server.sync(&bob, None).await["next_batch"].clone();
    let all = format!("filter={}", encode(r#"{"room":{"include_leave":true}}"#));
    server.moderate(&alice, &room, "ban", &bob).await;
    assert!(server.sync(&bob, Some(&start)).await["rooms"]["leave"].get(&room).is_some());
    server.post(&server.room(&room, "forget"), json!({})).by(&bob).ok().await;
    let since = server.sync(&bob, None).await["next_batch"].clone();
    server.moderate(&alice, &room, "unban", &bob).await;
    server.moderate(&alice, &room, "ban", &bob).await;
    server.moderate(&alice, &room, "unban", &bob).await;
    let hidden = async |server: &Server| {
        for synced in [
            server.sync(&bob, Some(&since)).await,
            server.sync(&bob, Some(&start)).await,
            server.sync_with(&bob, None, &all).await,
            server.sync_with(&bob, Some(&since), "full_state=true").await,
        ] {
            assert_eq!(synced.get("rooms"), None);
        }
        for path in ["messages?dir=b", "state", "members", "state/m.room.create", "aliases"] {
            server.get(&server.room(&room, path)).by(&bob).refused(403, "M_FORBIDDEN").await;
        }
        for path in ["event", "context"] {
            let path = server.room(&room, &format!("{path}/{}", encode(&said)));
            server.get(&path).by(&bob).refused(404, "M_NOT_FOUND").await;
        }
    };
    hidden(&server).await;
    let server = server.restart().await;
    hidden(&server).await;
    server.moderate(&alice, &room, "invite", &bob).await;
    assert!(server.sync(&bob, Some(&since)).await["rooms"]["invite"].get(&room).is_some());
    server.join(&bob, &room).await;
    assert!(event_ids(&Value::Array(server.history(&bob, &room).await)).contains(&said));
    let server = server.restart().await;
    assert!(server.sync(&bob, None).await["rooms"]["join"].get(&room).is_some());
}

#[tokio::test]
async fn a_new_name_does_not_bring_back_to_a_room_that_is_being_left() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let mut rooms = Vec::new();
    for _ in 0..30 {
        rooms.push(server.public_room(&alice, &[]).await);
    }
    let path = format!("/_matrix/client/v3/profile/{}/displayname", e2e::encode(&alice.id));
    let rename = async {
        server.put(&path, json!({ "displayname": "A" })).by(&alice).ok().await;
    };
    let leave = async {
        for room in rooms.iter().rev() {
            server.post(&server.room(room, "leave"), json!({})).by(&alice).ok().await;
        }
    };
    tokio::join!(rename, leave);
    assert_eq!(server.get("/_matrix/client/v3/joined_rooms").by(&alice).ok().await["joined_rooms"], json!([]));
}
