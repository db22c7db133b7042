//! Profiles.

use e2e::{Client, Server, User, Value, json};

fn path(user: &User, key: &str) -> String {
    format!("/_matrix/client/v3/profile/{}/{key}", user.id)
}

async fn put(client: &Client, user: &User, key: &str, value: Value) -> (u16, Value) {
    let (status, answer) = client.put(&path(user, key), json!({ key: value })).by(user).send().await;
    (status, answer["errcode"].clone())
}

async fn profile(client: &Client, user: &User) -> Value {
    client.get(&format!("/_matrix/client/v3/profile/{}", user.id)).ok().await
}

#[tokio::test]
async fn everybody_sees_a_profile_and_its_owner_changes_it() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    assert_eq!(profile(&server, &alice).await, json!({ "displayname": "alice" }));
    let fields = [
        ("displayname", json!("Alice 👩 Liddell")),
        ("avatar_url", json!("mxc://localhost/abc")),
        ("m.tz", json!("Europe/London")),
        ("org.example.job_title", json!({ "en": ["Explorer", 7, null] })),
        ("org.example.nothing", json!(null)),
    ];
    for (key, value) in &fields {
        assert_eq!(put(&server, &alice, key, value.clone()).await.0, 200, "{key}");
        assert_eq!(server.get(&path(&alice, key)).by(&bob).ok().await, json!({ *key: value }));
    }
    let whole: serde_json::Map<_, _> = fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    assert_eq!(profile(&server, &alice).await, Value::Object(whole));
    for (key, _) in &fields {
        assert_eq!(server.delete(&path(&alice, key)).by(&alice).ok().await, json!({}));
        server.delete(&path(&alice, key)).by(&alice).ok().await;
        let (status, answer) = server.get(&path(&alice, key)).send().await;
        assert_eq!((status, &answer["errcode"]), (404, &json!("M_NOT_FOUND")), "{key}");
    }
    assert_eq!(profile(&server, &alice).await, json!({}));
    assert_eq!(put(&server, &alice, "displayname", json!("A")).await.0, 200);
    assert_eq!(put(&server, &alice, "displayname", json!("")).await.0, 200);
    assert_eq!(profile(&server, &alice).await, json!({}));
}

#[tokio::test]
async fn nobody_changes_the_profile_of_another() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    for key in ["displayname", "avatar_url", "org.example.x"] {
        let body = json!({ key: "mxc://localhost/x" });
        for (request, status) in [
            (server.put(&path(&alice, key), body.clone()).by(&bob), 403),
            (server.delete(&path(&alice, key)).by(&bob), 403),
            (server.put(&path(&alice, key), body), 401),
            (server.delete(&path(&alice, key)), 401),
        ] {
            assert_eq!(request.send().await.0, status, "{key}");
        }
    }
    assert_eq!(profile(&server, &alice).await, json!({ "displayname": "alice" }));
}

#[tokio::test]
async fn a_field_that_makes_no_sense_is_refused() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for (key, value, errcode) in [
        ("displayname", json!(7), "M_BAD_JSON"),
        ("displayname", json!("n".repeat(257)), "M_INVALID_PARAM"),
        ("avatar_url", json!(["mxc://a/b"]), "M_BAD_JSON"),
        ("avatar_url", json!("https://example.org/me.png"), "M_INVALID_PARAM"),
        ("avatar_url", json!(format!("mxc://localhost/{}", "a".repeat(1000))), "M_INVALID_PARAM"),
        ("m.tz", json!(1), "M_BAD_JSON"),
        ("plain", json!("x"), "M_INVALID_PARAM"),
        ("Org.Example", json!("x"), "M_INVALID_PARAM"),
        ("org.example.large", json!("x".repeat(65_600)), "M_PROFILE_TOO_LARGE"),
    ] {
        assert_eq!(put(&server, &alice, key, value).await, (400, json!(errcode)), "{key}");
    }
    let long = format!("org.{}", "a".repeat(300));
    assert_eq!(put(&server, &alice, &long, json!(1)).await, (400, json!("M_KEY_TOO_LARGE")));
    let (status, answer) =
        server.put(&path(&alice, "displayname"), json!({ "avatar_url": "x" })).by(&alice).send().await;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_MISSING_PARAM")));
    let (status, answer) = server.put(&path(&alice, "displayname"), json!(["x"])).by(&alice).send().await;
    assert_eq!((status, &answer["errcode"]), (400, &json!("M_BAD_JSON")));
    let broken = server.request("PUT", &path(&alice, "displayname")).body(&b"{\"displayname\":\"\xc3\"}"[..]);
    assert_eq!(broken.by(&alice).send().await.0, 400);
    let huge = format!("{{\"displayname\":\"{}\"}}", "a".repeat(10_000_000));
    let sent = server.request("PUT", &path(&alice, "displayname")).body(huge).by(&alice).try_send().await;
    assert!(sent.is_err() || sent.is_ok_and(|(status, ..)| status == 413));
    assert_eq!(profile(&server, &alice).await, json!({ "displayname": "alice" }));
}

#[tokio::test]
async fn a_user_who_does_not_exist_has_no_profile() {
    let server = Server::start().await;
    for (user, status, errcode) in [
        ("@nobody:localhost", 404, "M_NOT_FOUND"),
        ("@alice:elsewhere", 404, "M_NOT_FOUND"),
        ("alice", 400, "M_INVALID_PARAM"),
        ("@%ff:localhost", 400, "M_INVALID_PARAM"),
    ] {
        let (got, answer) = server.get(&format!("/_matrix/client/v3/profile/{user}")).send().await;
        assert_eq!((got, &answer["errcode"]), (status, &json!(errcode)), "{user}");
        let (got, _) = server.get(&format!("/_matrix/client/v3/profile/{user}/displayname")).send().await;
        assert_eq!(got, status, "{user}");
    }
}

#[tokio::test]
async fn fields_set_at_the_same_time_are_all_kept() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let puts: Vec<_> = (0..6)
        .map(|n| {
            let (client, alice): (Client, User) = (server.clone(), alice.clone());
            tokio::spawn(async move { put(&client, &alice, &format!("org.example.n{n}"), json!(n)).await.0 })
        })
        .collect();
    for put in puts {
        assert_eq!(put.await.expect("the task ends"), 200);
    }
    assert_eq!(profile(&server, &alice).await.as_object().map(serde_json::Map::len), Some(7));
}

#[tokio::test]
async fn a_changed_name_or_avatar_shows_in_the_rooms_of_its_owner() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let mut members = Vec::new();
    for _ in 0..2 {
        let room = server.post("/_matrix/client/v3/createRoom", json!({ "invite": [bob.id] })).by(&alice).ok().await;
        let room = room["room_id"].as_str().expect("a room").to_owned();
        members.push(format!("/_matrix/client/v3/rooms/{room}/state/m.room.member/{}", alice.id));
    }
    assert_eq!(put(&server, &alice, "displayname", json!("Alice Liddell")).await.0, 200);
    assert_eq!(put(&server, &alice, "avatar_url", json!("mxc://localhost/face")).await.0, 200);
    assert_eq!(put(&server, &alice, "org.example.title", json!("Explorer")).await.0, 200);
    let expected =
        json!({ "membership": "join", "displayname": "Alice Liddell", "avatar_url": "mxc://localhost/face" });
    for path in &members {
        assert_eq!(server.get(path).by(&alice).ok().await, expected);
    }
    server.delete(&path(&alice, "avatar_url")).by(&alice).ok().await;
    for path in &members {
        let member = server.get(path).by(&alice).ok().await;
        assert_eq!(member, json!({ "membership": "join", "displayname": "Alice Liddell" }));
    }
}
