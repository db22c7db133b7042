//! How much one person can have, and make others keep.

use e2e::{Server, encode, json};

#[tokio::test]
async fn nobody_is_in_more_rooms_than_one_may_be() {
    let server = Server::with(|settings| settings.rules.limits.rooms_per_user = 3).await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let mut rooms = Vec::new();
    for _ in 0..3 {
        rooms.push(server.create_room(&alice, json!({ "preset": "public_chat" })).await);
    }
    let create = |user, body| server.post("/_matrix/client/v3/createRoom", body).by(user);
    create(&alice, json!({})).refused(403, "M_FORBIDDEN").await;
    let other = server.create_room(&bob, json!({ "preset": "public_chat" })).await;
    let join = format!("/_matrix/client/v3/join/{other}");
    server.post(&join, json!({})).by(&alice).refused(403, "M_FORBIDDEN").await;
    server.post(&server.room(&other, "join"), json!({})).by(&alice).refused(403, "M_FORBIDDEN").await;
    let member = server.room(&other, &format!("state/m.room.member/{}", alice.id));
    server.put(&member, json!({ "membership": "join" })).by(&alice).refused(403, "M_FORBIDDEN").await;
    // Where one is already, one may stay and change.
    server.join(&alice, &rooms[0]).await;
    server.set_state(&alice, &rooms[0], "m.room.member", &alice.id, json!({ "membership": "join", "x": 1 })).await;
    server.leave(&alice, &rooms[0]).await;
    server.join(&alice, &other).await;
    // Invitations have a bound of their own: nobody can fill another's rooms up with them.
    let carol = server.register("carol").await;
    for room in &rooms[1..] {
        server.moderate(&alice, room, "invite", &carol).await;
    }
    create(&carol, json!({ "invite": [carol.id, bob.id] })).ok().await;
    server.moderate(&bob, &other, "invite", &carol).await;
    create(&bob, json!({ "invite": [carol.id] })).refused(403, "M_FORBIDDEN").await;
    let state = json!([{ "type": "m.room.member", "state_key": carol.id, "content": { "membership": "invite" } }]);
    create(&bob, json!({ "initial_state": state })).refused(403, "M_FORBIDDEN").await;
    let room = server.create_room(&bob, json!({})).await;
    let invite = json!({ "user_id": carol.id });
    server.post(&server.room(&room, "invite"), invite).by(&bob).refused(403, "M_FORBIDDEN").await;
    let member = server.room(&room, &format!("state/m.room.member/{}", carol.id));
    server.put(&member, json!({ "membership": "invite" })).by(&bob).refused(403, "M_FORBIDDEN").await;
    server.leave(&carol, &rooms[1]).await;
    server.moderate(&bob, &room, "invite", &carol).await;
}

#[tokio::test]
async fn what_is_given_at_creation_is_held_to_the_same_rules() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let taken = server.create_room(&bob, json!({ "room_alias_name": "taken", "preset": "public_chat" })).await;
    let state = |kind: &str, key: &str, content| json!([{ "type": kind, "state_key": key, "content": content }]);
    let address = |alias: &str| state("m.room.canonical_alias", "", json!({ "alias": alias }));
    let member = |user: &str, content| state("m.room.member", user, content);
    for (body, status, errcode) in [
        (json!({ "initial_state": address("#taken:localhost") }), 400, "M_INVALID_ROOM_STATE"),
        (json!({ "initial_state": address("#none:localhost") }), 400, "M_INVALID_ROOM_STATE"),
        (
            json!({ "room_alias_name": "mine", "initial_state": state("m.room.canonical_alias", "",
                json!({ "alias": "#mine:localhost", "alt_aliases": ["#taken:localhost"] })) }),
            400,
            "M_INVALID_ROOM_STATE",
        ),
        (json!({ "initial_state": state("m.room.canonical_alias", "", json!({ "alias": 5 })) }), 400, "M_BAD_JSON"),
        (json!({ "initial_state": member("@none:localhost", json!({ "membership": "invite" })) }), 404, "M_NOT_FOUND"),
        (json!({ "initial_state": member(&bob.id, json!({ "membership": "join" })) }), 400, "M_INVALID_ROOM_STATE"),
        (json!({ "initial_state": member(&alice.id, json!({ "membership": "leave" })) }), 400, "M_INVALID_ROOM_STATE"),
        (json!({ "initial_state": member("nonsense", json!({ "membership": "invite" })) }), 400, "M_BAD_JSON"),
        (json!({ "initial_state": member(&bob.id, json!({ "membership": "dance" })) }), 400, "M_INVALID_ROOM_STATE"),
        (json!({ "initial_state": state("m.room.create", "", json!({})) }), 400, "M_INVALID_ROOM_STATE"),
    ] {
        let create = server.post("/_matrix/client/v3/createRoom", body.clone()).by(&alice);
        let answer = create.send().await;
        assert_eq!((answer.0, answer.1["errcode"].as_str()), (status, Some(errcode)), "{body}: {}", answer.1);
    }
    let joined = server.get("/_matrix/client/v3/joined_rooms").by(&alice).ok().await;
    assert_eq!(joined["joined_rooms"], json!([]), "nothing is left of what was refused");
    server.get("/_matrix/client/v3/directory/room/%23mine:localhost").refused(404, "M_NOT_FOUND").await;

    let given = json!([
        { "type": "m.room.canonical_alias", "content": { "alias": "#mine:localhost" } },
        { "type": "m.room.member", "state_key": bob.id, "content": { "membership": "invite",
            "join_authorised_via_users_server": bob.id } },
    ]);
    let room = server.create_room(&alice, json!({ "room_alias_name": "mine", "initial_state": given })).await;
    let invited = server.get(&server.room(&room, &format!("state/m.room.member/{}", bob.id))).by(&alice).ok().await;
    assert_eq!(invited, json!({ "membership": "invite" }));
    server.join(&bob, &room).await;
    assert_ne!(room, taken);
}

#[tokio::test]
async fn account_data_has_an_end() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let path = |n: usize| format!("/_matrix/client/v3/user/{}/account_data/org.example.{n}", alice.id);
    let large = "x".repeat(65_000);
    let mut stored = 0;
    loop {
        let (status, answer) = server.put(&path(stored), json!({ "x": large })).by(&alice).send().await;
        if status != 200 {
            assert_eq!((status, &answer["errcode"]), (403, &json!("M_RESOURCE_LIMIT_EXCEEDED")));
            break;
        }
        stored += 1;
        assert!(stored < 1000, "it has no end");
    }
    assert!(stored > 400, "{stored}");
    // What is there can be changed and made smaller, which makes room.
    server.put(&path(0), json!({ "y": large })).by(&alice).ok().await;
    server.put(&path(0), json!({})).by(&alice).ok().await;
    server.put(&path(stored), json!({ "x": "x".repeat(60_000) })).by(&alice).ok().await;
}

#[tokio::test]
async fn a_receipt_belongs_to_a_thread_that_exists() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let other = server.public_room(&alice, &[&bob]).await;
    let (root, elsewhere) = (server.say(&alice, &room, "root").await, server.say(&alice, &other, "root").await);
    let reply = server.say(&alice, &room, "reply").await;
    let path = server.room(&room, &format!("receipt/m.read/{}", encode(&reply)));
    for thread in ["", "$none", "nonsense", &elsewhere] {
        server.post(&path, json!({ "thread_id": thread })).by(&bob).refused(400, "M_INVALID_PARAM").await;
    }
    for thread in ["main", &root] {
        server.post(&path, json!({ "thread_id": thread })).by(&bob).ok().await;
    }
}
