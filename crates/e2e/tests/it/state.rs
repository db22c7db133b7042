//! A room's state: setting it, reading it, and who may.

use e2e::{Server, User, Value, event_ids, json};

async fn power_levels(server: &Server, user: &User, room: &str) -> Value {
    server.get(&server.room(room, "state/m.room.power_levels")).by(user).ok().await
}

#[tokio::test]
async fn state_is_read_back_under_its_type_and_key() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.create_room(&alice, json!({})).await;
    let first = server.set_state(&alice, &room, "org.example.map", "a/b ☎", json!({ "x": 1 })).await;
    let same = server.set_state(&alice, &room, "org.example.map", "a/b ☎", json!({ "x": 1 })).await;
    assert_eq!(first, same);
    let second = server.set_state(&alice, &room, "org.example.map", "a/b ☎", json!({ "x": 2 })).await;
    assert_ne!(first, second);
    let path = server.room(&room, "state/org.example.map/a%2Fb%20%E2%98%8E");
    assert_eq!(server.get(&path).by(&alice).ok().await, json!({ "x": 2 }));
    let event = server.get(&format!("{path}?format=event")).by(&alice).ok().await;
    assert_eq!(event["event_id"], second);
    assert_eq!(event["unsigned"]["prev_content"], json!({ "x": 1 }));
    assert_eq!(event["unsigned"]["replaces_state"], first);
    // With and without the slash, the key is empty.
    server.set_state(&alice, &room, "m.room.topic", "", json!({ "topic": "tea" })).await;
    for rest in ["state/m.room.topic", "state/m.room.topic/"] {
        assert_eq!(server.get(&server.room(&room, rest)).by(&alice).ok().await, json!({ "topic": "tea" }));
        server.put(&server.room(&room, rest), json!({ "topic": "tea" })).by(&alice).ok().await;
    }
    server.get(&server.room(&room, "state/m.room.topic/x")).by(&alice).refused(404, "M_NOT_FOUND").await;
    for rest in ["state", "state/m.room.topic", "state/m.room.topic/x", "members", "joined_members", "aliases"] {
        server.get(&server.room(&room, rest)).by(&bob).refused(403, "M_FORBIDDEN").await;
        server.get(&server.room(&room, rest)).refused(401, "M_MISSING_TOKEN").await;
        server.get(&server.room("!none:localhost", rest)).by(&bob).refused(403, "M_FORBIDDEN").await;
    }
    let put = |kind: &str, body: Value| server.put(&server.room(&room, &format!("state/{kind}")), body);
    put("m.room.topic", json!({ "topic": "cake" })).by(&bob).refused(403, "M_FORBIDDEN").await;
    put("m.room.topic", json!({ "topic": "cake" })).refused(401, "M_MISSING_TOKEN").await;
    put("m.room.topic", json!([])).by(&alice).refused(400, "M_BAD_JSON").await;
    put("m.room.topic", json!({ "n": 0.5 })).by(&alice).refused(400, "M_BAD_JSON").await;
    put("m.room.create", json!({})).by(&alice).refused(403, "M_FORBIDDEN").await;
    put("m.room.topic", json!({ "topic": "t".repeat(70_000) })).by(&alice).refused(413, "M_TOO_LARGE").await;
    put(&format!("m.room.topic/{}", "k".repeat(256)), json!({})).by(&alice).refused(413, "M_TOO_LARGE").await;
    put("m.room.canonical_alias", json!({ "alias": "#none:localhost" })).by(&alice).refused(400, "M_BAD_ALIAS").await;
    put("m.room.canonical_alias", json!({ "alias": 4 })).by(&alice).refused(400, "M_BAD_JSON").await;
    put("m.room.member/alice", json!({ "membership": "join" })).by(&alice).refused(400, "M_BAD_JSON").await;
    assert_eq!(server.get(&server.room(&room, "state/m.room.topic")).by(&alice).ok().await, json!({ "topic": "tea" }));
}

#[tokio::test]
async fn power_levels_bind_everyone() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.create_room(&alice, json!({ "preset": "public_chat", "room_version": "11" })).await;
    server.join(&bob, &room).await;
    server.join(&carol, &room).await;
    let set = |user: &User, kind: &str, content: Value| {
        server.put(&server.room(&room, &format!("state/{kind}")), content).by(user)
    };
    set(&bob, "m.room.name", json!({ "name": "Bob's" })).refused(403, "M_FORBIDDEN").await;
    let mut levels = power_levels(&server, &alice, &room).await;
    levels["users"][&bob.id] = json!(50);
    set(&bob, "m.room.power_levels", levels.clone()).refused(403, "M_FORBIDDEN").await;
    set(&alice, "m.room.power_levels", levels.clone()).ok().await;
    set(&bob, "m.room.name", json!({ "name": "Bob's" })).ok().await;
    server.moderate(&bob, &room, "kick", &carol).await;
    let kick = json!({ "user_id": alice.id });
    server.post(&server.room(&room, "kick"), kick).by(&bob).refused(403, "M_FORBIDDEN").await;
    for broken in [json!({ "users": { "bob": 5 } }), json!({ "ban": "50" }), json!({ "users": [] })] {
        let (status, body) = set(&alice, "m.room.power_levels", broken).send().await;
        assert!(matches!(status, 400 | 403), "{body}");
    }
    // Nobody gives away more than they have, and the levels hold after a restart.
    levels["users"][&bob.id] = json!(100);
    let server = server.restart().await;
    let set = |user: &User, kind: &str, content: Value| {
        server.put(&server.room(&room, &format!("state/{kind}")), content).by(user)
    };
    levels["events"]["m.room.power_levels"] = json!(50);
    set(&bob, "m.room.power_levels", levels.clone()).refused(403, "M_FORBIDDEN").await;
    levels["users"][&alice.id] = json!(0);
    levels["users"][&bob.id] = json!(0);
    set(&alice, "m.room.power_levels", levels).ok().await;
    set(&alice, "m.room.name", json!({ "name": "Alice's" })).refused(403, "M_FORBIDDEN").await;
}

#[tokio::test]
async fn the_creators_of_a_version_12_room_stand_above_all_levels() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let body = json!({ "preset": "public_chat", "creation_content": { "additional_creators": [bob.id] } });
    let room = server.create_room(&alice, body).await;
    server.join(&bob, &room).await;
    server.join(&carol, &room).await;
    let create = server.get(&server.room(&room, "state/m.room.create?format=event")).by(&carol).ok().await;
    assert_eq!(create["event_id"].as_str().map(|id| id.replacen('$', "!", 1)), Some(room.clone()));
    let mut levels = power_levels(&server, &alice, &room).await;
    levels["users"] = json!({ &carol.id: 100 });
    let path = server.room(&room, "state/m.room.power_levels");
    server.put(&path, levels.clone()).by(&bob).ok().await;
    levels["users"] = json!({ &carol.id: 100, &bob.id: 0 });
    server.put(&path, levels).by(&alice).refused(403, "M_FORBIDDEN").await;
    for creator in [&alice, &bob] {
        let kick = json!({ "user_id": creator.id });
        server.post(&server.room(&room, "kick"), kick).by(&carol).refused(403, "M_FORBIDDEN").await;
    }
    server.moderate(&bob, &room, "kick", &carol).await;
    for bad in [json!("bob"), json!([5]), json!(["bob"])] {
        let body = json!({ "creation_content": { "additional_creators": bad } });
        let (status, answer) = server.post("/_matrix/client/v3/createRoom", body).by(&alice).send().await;
        assert_eq!(status, 400, "{answer}");
    }
}

#[tokio::test]
async fn concurrent_changes_of_state_are_all_applied_in_the_order_everyone_sees() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.create_room(&alice, json!({ "preset": "trusted_private_chat", "invite": [bob.id] })).await;
    server.join(&bob, &room).await;
    let since = server.sync(&bob, None).await["next_batch"].clone();
    let mut changes = tokio::task::JoinSet::new();
    for n in 0..30 {
        let (client, room) = ((*server).clone(), room.clone());
        let user = if n % 2 == 0 { alice.clone() } else { bob.clone() };
        changes.spawn(async move {
            client.set_state(&user, &room, "m.room.topic", "", json!({ "topic": n.to_string() })).await
        });
    }
    let mut acknowledged = changes.join_all().await;
    let synced = server.sync(&bob, Some(&since)).await;
    let news = &synced["rooms"]["join"][&room]["timeline"]["events"];
    let order = event_ids(news);
    let mut sorted = order.clone();
    sorted.sort();
    acknowledged.sort();
    assert_eq!(sorted, acknowledged);
    let last = news.as_array().and_then(|news| news.last()).expect("events").clone();
    let topic = server.get(&server.room(&room, "state/m.room.topic?format=event")).by(&alice).ok().await;
    assert_eq!(topic["event_id"], last["event_id"]);
    // Each names the one it replaced.
    for pair in news.as_array().expect("events").windows(2) {
        assert_eq!(pair[1]["unsigned"]["replaces_state"], pair[0]["event_id"]);
        assert_eq!(pair[1]["unsigned"]["prev_content"], pair[0]["content"]);
    }
}

#[tokio::test]
async fn members_are_listed_by_membership_and_as_of_a_token() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let token = server.sync(&alice, None).await["next_batch"].as_str().expect("a token").to_owned();
    server.moderate(&alice, &room, "ban", &bob).await;
    server.moderate(&alice, &room, "invite", &carol).await;
    let members = async |query: &str| {
        let listed = server.get(&server.room(&room, &format!("members{query}"))).by(&alice).ok().await;
        let mut listed: Vec<_> = listed["chunk"]
            .as_array()
            .expect("a chunk")
            .iter()
            .map(|event| {
                (event["state_key"].as_str().expect("a user").to_owned(), event["content"]["membership"].clone())
            })
            .collect();
        listed.sort_by(|a, b| a.0.cmp(&b.0));
        listed
    };
    let (a, b, c) = (alice.id.clone(), bob.id.clone(), carol.id.clone());
    let now = [(a.clone(), json!("join")), (b.clone(), json!("ban")), (c, json!("invite"))];
    assert_eq!(members("").await, now);
    assert_eq!(members("?membership=ban").await, now[1..2]);
    assert_eq!(members("?not_membership=ban").await, [now[0].clone(), now[2].clone()]);
    assert_eq!(members(&format!("?at={token}")).await, [now[0].clone(), (b, json!("join"))]);
    server.get(&server.room(&room, "members?at=nonsense")).by(&alice).refused(400, "M_INVALID_PARAM").await;
    let joined = server.get(&server.room(&room, "joined_members")).by(&alice).ok().await;
    assert_eq!(joined["joined"].as_object().map(|joined| joined.len()), Some(1));
    assert_eq!(joined["joined"][&a]["display_name"], "alice");
}

#[tokio::test]
async fn a_redacted_state_does_not_live_on_in_its_successor() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let topic = |text: &str| json!({ "topic": text });
    let secret = server.set_state(&alice, &room, "m.room.topic", "", topic("SECRET")).await;
    let successor = server.set_state(&alice, &room, "m.room.topic", "", topic("tea")).await;
    server.set_state(&alice, &room, "m.room.topic", "", topic("cake")).await;
    let redact = async |event: &str, txn: &str| {
        let path = server.room(&room, &format!("redact/{}/{txn}", e2e::encode(event)));
        server.put(&path, json!({})).by(&alice).ok().await;
    };
    redact(&secret, "1").await;
    let name = json!({ "membership": "join", "displayname": "SECRET name" });
    let named = server.set_state(&bob, &room, "m.room.member", &bob.id, name).await;
    redact(&named, "2").await;
    let renamed = server
        .set_state(&bob, &room, "m.room.member", &bob.id, json!({ "membership": "join", "displayname": "B" }))
        .await;
    let check = async |server: &Server| {
        let history = server.history(&bob, &room).await;
        let find = |id: &str| history.iter().find(|event| event["event_id"] == id).expect("the event").clone();
        let unsigned = find(&successor)["unsigned"].clone();
        assert_eq!((&unsigned["prev_content"], &unsigned["replaces_state"]), (&json!({}), &json!(secret)));
        assert_eq!(find(&successor)["content"], topic("tea"));
        // What the redaction left is still said to have been replaced.
        assert_eq!(find(&renamed)["unsigned"]["prev_content"], json!({ "membership": "join" }));
        let seen = [json!(history), server.sync(&bob, None).await];
        assert!(!json!(seen).to_string().contains("SECRET"));
    };
    check(&server).await;
    check(&server.restart().await).await;
}

#[tokio::test]
async fn a_redaction_amid_changes_leaves_no_copy() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let room = server.create_room(&alice, json!({})).await;
    for round in 0..20 {
        let topic = |text: &str| json!({ "topic": format!("{text} {round}") });
        let secret = server.set_state(&alice, &room, "m.room.topic", "", topic("SECRET")).await;
        let path = server.room(&room, &format!("redact/{}/{round}", e2e::encode(&secret)));
        let redact = async { server.put(&path, json!({})).by(&alice).ok().await };
        let change = async { server.set_state(&alice, &room, "m.room.topic", "", topic("tea")).await };
        if round % 2 == 0 { drop(tokio::join!(redact, change)) } else { drop(tokio::join!(change, redact)) }
    }
    let history = server.history(&alice, &room).await;
    let copy = history.iter().find(|event| event.to_string().contains("SECRET"));
    assert_eq!(copy, None);
}

#[tokio::test]
async fn one_transaction_id_redacts_two_events() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let room = server.public_room(&alice, &[]).await;
    let topic = |text: &str| json!({ "topic": text });
    let first = server.set_state(&alice, &room, "m.room.topic", "", topic("tea")).await;
    let second = server.set_state(&alice, &room, "m.room.topic", "", topic("cake")).await;
    for event in [&first, &second] {
        let path = server.room(&room, &format!("redact/{}/same", e2e::encode(event)));
        server.put(&path, json!({})).by(&alice).ok().await;
        let path = server.room(&room, &format!("event/{}", e2e::encode(event)));
        assert_eq!(server.get(&path).by(&alice).ok().await["content"], json!({}));
    }
}
