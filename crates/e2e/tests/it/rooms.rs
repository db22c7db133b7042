//! Making rooms, and who is in them.

use std::collections::BTreeSet;

use e2e::{Server, Value, encode, event_ids, json};

const CREATE: &str = "/_matrix/client/v3/createRoom";

fn content(state: &Value, kind: &str) -> Value {
    let events = state.as_array().expect("state");
    events.iter().find(|event| event["type"] == kind && event["state_key"] == "").expect(kind)["content"].clone()
}

#[tokio::test]
async fn a_preset_decides_who_may_join_and_who_has_power() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    for (preset, join_rule, guests) in [
        ("private_chat", "invite", "can_join"),
        ("trusted_private_chat", "invite", "can_join"),
        ("public_chat", "public", "forbidden"),
    ] {
        for version in ["10", "11", "12"] {
            let body = json!({ "preset": preset, "room_version": version, "invite": [bob.id], "is_direct": true,
                "name": "Tea", "topic": "Leaves" });
            let room = server.create_room(&alice, body).await;
            let state = server.get(&server.room(&room, "state")).by(&alice).ok().await;
            assert_eq!(content(&state, "m.room.join_rules")["join_rule"], join_rule);
            assert_eq!(content(&state, "m.room.guest_access")["guest_access"], guests);
            assert_eq!(content(&state, "m.room.history_visibility")["history_visibility"], "shared");
            assert_eq!(content(&state, "m.room.name")["name"], "Tea");
            assert_eq!(content(&state, "m.room.topic")["topic"], "Leaves");
            let create = content(&state, "m.room.create");
            assert_eq!(create["room_version"], version);
            assert_eq!(create.get("creator").is_some(), version == "10");
            assert_eq!(room.contains(':'), version != "12");
            let powers = &content(&state, "m.room.power_levels")["users"];
            let trusted = preset == "trusted_private_chat";
            assert_eq!(powers.get(&alice.id).is_some(), version != "12");
            assert_eq!(powers.get(&bob.id).is_some(), trusted && version != "12");
            assert_eq!(create.get("additional_creators").is_some(), trusted && version == "12");
            let invite = server.get(&server.room(&room, &format!("state/m.room.member/{}", bob.id))).by(&alice);
            let invite = invite.ok().await;
            assert_eq!((&invite["membership"], &invite["is_direct"]), (&json!("invite"), &json!(true)));
            // With the creator's power the invited may rename the room once inside.
            server.join(&bob, &room).await;
            let rename = server.put(&server.room(&room, "state/m.room.name"), json!({ "name": "Coffee" })).by(&bob);
            assert_eq!(rename.send().await.0, if trusted { 200 } else { 403 });
        }
    }
}

#[tokio::test]
async fn what_is_asked_for_at_creation_takes_precedence_over_the_preset() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let body = json!({ "preset": "private_chat", "room_alias_name": "tea", "visibility": "public",
        "creation_content": { "type": "m.space" },
        "power_level_content_override": { "events_default": 30, "invite": 60 },
        "initial_state": [
            { "type": "m.room.history_visibility", "content": { "history_visibility": "joined" } },
            { "type": "m.room.join_rules", "state_key": "", "content": { "join_rule": "public" } },
            { "type": "org.example.color", "state_key": "wall", "content": { "color": "green" } },
        ] });
    let room = server.create_room(&alice, body).await;
    let state = server.get(&server.room(&room, "state")).by(&alice).ok().await;
    assert_eq!(content(&state, "m.room.history_visibility")["history_visibility"], "joined");
    assert_eq!(content(&state, "m.room.join_rules")["join_rule"], "public");
    assert_eq!(content(&state, "m.room.power_levels")["events_default"], 30);
    assert_eq!(content(&state, "m.room.power_levels")["ban"], 50);
    assert_eq!(content(&state, "m.room.canonical_alias")["alias"], "#tea:localhost");
    let wall = server.get(&server.room(&room, "state/org.example.color/wall")).by(&alice).ok().await;
    assert_eq!(wall, json!({ "color": "green" }));
    let listed = server.get("/_matrix/client/v3/publicRooms").by(&bob).ok().await;
    assert_eq!(listed["chunk"][0]["room_id"], room);
    assert_eq!(listed["chunk"][0]["room_type"], "m.space");
    server.join(&bob, "#tea:localhost").await;
    let send = server.put(&server.room(&room, "send/m.room.message/1"), json!({ "body": "x", "msgtype": "m.text" }));
    send.by(&bob).refused(403, "M_FORBIDDEN").await;
}

#[tokio::test]
async fn a_room_that_cannot_be_made_leaves_nothing() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    server.create_room(&alice, json!({ "room_alias_name": "tea" })).await;
    let create = |body: Value| server.post(CREATE, body).by(&bob);
    let many: Vec<_> = (0..300).map(|n| format!("@u{n}:localhost")).collect();
    let refused = [
        (json!({ "room_alias_name": "tea", "visibility": "public", "invite": [alice.id] }), "M_ROOM_IN_USE"),
        (json!({ "room_alias_name": "a b" }), "M_INVALID_PARAM"),
        (json!({ "room_alias_name": "" }), "M_INVALID_PARAM"),
        (json!({ "room_version": "99" }), "M_UNSUPPORTED_ROOM_VERSION"),
        (json!({ "room_version": "1" }), "M_UNSUPPORTED_ROOM_VERSION"),
        (json!({ "preset": "party" }), "M_BAD_JSON"),
        (json!({ "visibility": 3 }), "M_BAD_JSON"),
        (json!({ "invite": "everyone" }), "M_BAD_JSON"),
        (json!({ "invite": many }), "M_INVALID_PARAM"),
        (json!({ "invite": ["bob"] }), "M_BAD_JSON"),
        (json!({ "name": 7 }), "M_BAD_JSON"),
        (json!({ "invite_3pid": [{ "address": "a@b" }] }), "M_INVALID_PARAM"),
        (json!({ "power_level_content_override": { "users_default": "high" } }), "M_INVALID_ROOM_STATE"),
        (json!({ "power_level_content_override": { "users_default": 1.5 } }), "M_BAD_JSON"),
        (json!({ "power_level_content_override": { "users": { &bob.id: 100 } } }), "M_INVALID_ROOM_STATE"),
        (
            json!({ "initial_state": [{ "type": "m.room.power_levels", "content": { "ban": "high" } }] }),
            "M_INVALID_ROOM_STATE",
        ),
        (json!({ "initial_state": [{ "type": "m.room.create", "content": {} }] }), "M_INVALID_ROOM_STATE"),
        (json!({ "initial_state": [{ "type": "m.room.name", "content": [] }] }), "M_BAD_JSON"),
        (json!({ "initial_state": [{ "content": {} }] }), "M_BAD_JSON"),
        (
            json!({ "initial_state": [{ "type": "m.room.member", "state_key": alice.id,
                "content": { "membership": "join" } }] }),
            "M_INVALID_ROOM_STATE",
        ),
    ];
    for (body, errcode) in refused {
        let (status, answer) = create(body.clone()).send().await;
        assert_eq!((status, answer["errcode"].as_str()), (400, Some(errcode)), "{body} {answer}");
    }
    create(json!({ "invite": ["@nobody:localhost"] })).refused(404, "M_NOT_FOUND").await;
    create(json!({ "invite": ["@someone:elsewhere.org"] })).refused(404, "M_NOT_FOUND").await;
    create(json!({ "name": "n".repeat(70_000) })).refused(413, "M_TOO_LARGE").await;
    server.post(CREATE, json!({})).refused(401, "M_MISSING_TOKEN").await;
    let joined = server.get("/_matrix/client/v3/joined_rooms").by(&bob).ok().await;
    assert_eq!(joined, json!({ "joined_rooms": [] }));
    assert_eq!(server.sync(&bob, None).await.get("rooms"), None);
    assert_eq!(server.sync(&alice, None).await["rooms"].get("invite"), None);
    let listed = server.get("/_matrix/client/v3/publicRooms").by(&bob).ok().await;
    assert_eq!(listed["chunk"], json!([]));
}

#[tokio::test]
async fn join_rules_decide_who_gets_in() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let join = |user: &e2e::User, room: &str| server.post(&server.room(room, "join"), json!({})).by(user);
    let knock = |user: &e2e::User, room: &str| {
        server.post(&format!("/_matrix/client/v3/knock/{}", encode(room)), json!({ "reason": "please" })).by(user)
    };
    let with_rule = |rule: Value| json!({ "initial_state": [{ "type": "m.room.join_rules", "content": rule }] });
    let private = server.create_room(&alice, json!({})).await;
    join(&bob, &private).refused(403, "M_FORBIDDEN").await;
    knock(&bob, &private).refused(403, "M_FORBIDDEN").await;
    server.moderate(&alice, &private, "invite", &bob).await;
    join(&bob, &private).ok().await;
    join(&bob, &private).ok().await;

    let door = server.create_room(&alice, with_rule(json!({ "join_rule": "knock" }))).await;
    join(&bob, &door).refused(403, "M_FORBIDDEN").await;
    assert_eq!(knock(&bob, &door).ok().await["room_id"], door);
    let synced = server.sync(&bob, None).await;
    let state = synced["rooms"]["knock"][&door]["knock_state"]["events"].as_array().expect("knock state").clone();
    assert!(state.iter().any(|event| event["content"]["membership"] == "knock"), "{state:?}");
    join(&bob, &door).refused(403, "M_FORBIDDEN").await;
    server.moderate(&alice, &door, "invite", &bob).await;
    join(&bob, &door).ok().await;
    knock(&bob, &door).refused(403, "M_FORBIDDEN").await;

    let rule = json!({ "join_rule": "restricted", "allow": [{ "type": "m.room_membership", "room_id": private }] });
    let inner = server.create_room(&alice, with_rule(rule)).await;
    join(&carol, &inner).refused(403, "M_FORBIDDEN").await;
    // Naming somebody who could vouch is not enough: the server decides who does.
    let forged = json!({ "membership": "join", "join_authorised_via_users_server": alice.id });
    let path = server.room(&inner, &format!("state/m.room.member/{}", carol.id));
    server.put(&path, forged).by(&carol).refused(403, "M_FORBIDDEN").await;
    join(&bob, &inner).ok().await;

    let unknown = "!nosuchroom:localhost";
    join(&bob, unknown).refused(404, "M_NOT_FOUND").await;
    knock(&bob, unknown).refused(404, "M_NOT_FOUND").await;
    join(&bob, "nonsense").refused(400, "M_INVALID_PARAM").await;
    join(&bob, "#none:localhost").refused(404, "M_NOT_FOUND").await;
    server.post(&server.room(&door, "join"), json!({ "reason": 4 })).by(&carol).refused(400, "M_BAD_JSON").await;
    server.post(&server.room(&door, "join"), json!({})).refused(401, "M_MISSING_TOKEN").await;
}

#[tokio::test]
async fn moderation_needs_power_and_a_target() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let act = |action: &str, target: &str| server.post(&server.room(&room, action), json!({ "user_id": target }));
    for action in ["kick", "ban", "unban"] {
        act(action, &alice.id).by(&bob).refused(403, "M_FORBIDDEN").await;
        act(action, &bob.id).by(&carol).refused(403, "M_FORBIDDEN").await;
    }
    act("invite", &carol.id).by(&carol).refused(403, "M_FORBIDDEN").await;
    act("invite", &bob.id).by(&alice).refused(403, "M_FORBIDDEN").await;
    act("invite", "@ghost:localhost").by(&alice).refused(404, "M_NOT_FOUND").await;
    act("invite", "@ghost:other.org").by(&alice).refused(404, "M_NOT_FOUND").await;
    act("kick", &carol.id).by(&alice).refused(403, "M_FORBIDDEN").await;
    act("unban", &bob.id).by(&alice).refused(403, "M_FORBIDDEN").await;
    for action in ["invite", "kick", "ban", "unban"] {
        let path = server.room(&room, action);
        server.post(&path, json!({})).by(&alice).refused(400, "M_BAD_JSON").await;
        server.post(&path, json!({ "user_id": 5 })).by(&alice).refused(400, "M_BAD_JSON").await;
        server.post(&path, json!({ "user_id": "bob" })).by(&alice).refused(400, "M_BAD_JSON").await;
        server.post(&path, json!({ "user_id": bob.id })).refused(401, "M_MISSING_TOKEN").await;
        let elsewhere = server.room("!none:localhost", action);
        server.post(&elsewhere, json!({ "user_id": bob.id })).by(&alice).refused(403, "M_FORBIDDEN").await;
    }
    // Inviting by writing the state is held to the same.
    let ghost = server.room(&room, "state/m.room.member/@ghost:localhost");
    server.put(&ghost, json!({ "membership": "invite" })).by(&alice).refused(404, "M_NOT_FOUND").await;
    server.moderate(&alice, &room, "ban", &bob).await;
    server.post(&server.room(&room, "join"), json!({})).by(&bob).refused(403, "M_FORBIDDEN").await;
    act("invite", &bob.id).by(&alice).refused(403, "M_FORBIDDEN").await;
    server.moderate(&alice, &room, "unban", &bob).await;
    server.join(&bob, &room).await;
    server.moderate(&alice, &room, "kick", &bob).await;
    server.join(&bob, &room).await;
    let members = server.get(&server.room(&room, "members?membership=join")).by(&alice).ok().await;
    assert_eq!(members["chunk"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn who_left_may_forget_and_who_is_in_may_not() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let forget = |user: &e2e::User| server.post(&server.room(&room, "forget"), json!({})).by(user);
    forget(&bob).refused(400, "M_UNKNOWN").await;
    forget(&carol).refused(403, "M_FORBIDDEN").await;
    let leave = |user: &e2e::User| server.post(&server.room(&room, "leave"), json!({})).by(user);
    leave(&carol).refused(403, "M_FORBIDDEN").await;
    leave(&bob).ok().await;
    leave(&bob).ok().await;
    forget(&bob).ok().await;
    forget(&bob).ok().await;
    let all = encode(r#"{"room":{"include_leave":true}}"#);
    let synced = server.sync_with(&bob, None, &format!("filter={all}")).await;
    assert_eq!(synced.get("rooms"), None, "{synced}");
    let server = server.restart().await;
    let synced = server.sync_with(&bob, None, &format!("filter={all}")).await;
    assert_eq!(synced.get("rooms"), None, "{synced}");
    server.join(&bob, &room).await;
    assert!(server.sync(&bob, None).await["rooms"]["join"].get(&room).is_some());
}

#[tokio::test]
async fn three_hundred_join_at_once_and_all_are_counted() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let room = server.public_room(&alice, &[]).await;
    let mut users = Vec::new();
    for n in 0..300 {
        users.push(server.register(&format!("user{n}")).await);
    }
    let mut joins = tokio::task::JoinSet::new();
    for user in users {
        let (client, room) = ((*server).clone(), room.clone());
        joins.spawn(async move { client.join(&user, &room).await });
    }
    while let Some(joined) = joins.join_next().await {
        joined.expect("every join succeeds");
    }
    let members = server.get(&server.room(&room, "joined_members")).by(&alice).ok().await;
    assert_eq!(members["joined"].as_object().map(|joined| joined.len()), Some(301));
    let synced = server.sync(&alice, None).await;
    assert_eq!(synced["rooms"]["join"][&room]["summary"]["m.joined_member_count"], 301);
    let history = Value::Array(server.history(&alice, &room).await);
    let ids: BTreeSet<_> = event_ids(&history).into_iter().collect();
    assert_eq!(ids.len(), history.as_array().map_or(0, Vec::len));
}
