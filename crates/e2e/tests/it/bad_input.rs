//! Whatever a client sends is answered by a Matrix error, never by a 500, and changes nothing.

use e2e::{Server, Value, encode, json};

/// Every route of rooms, messages, sync, directory and user data. `R` stands for a room, `E` for an event, `U` for a
/// user, `S` for text of the client's choice.
const ROUTES: [(&str, &str); 47] = [
    ("POST", "createRoom"),
    ("POST", "join/R"),
    ("POST", "knock/R"),
    ("GET", "joined_rooms"),
    ("POST", "rooms/R/join"),
    ("POST", "rooms/R/leave"),
    ("POST", "rooms/R/forget"),
    ("POST", "rooms/R/invite"),
    ("POST", "rooms/R/kick"),
    ("POST", "rooms/R/ban"),
    ("POST", "rooms/R/unban"),
    ("GET", "rooms/R/members"),
    ("GET", "rooms/R/joined_members"),
    ("GET", "rooms/R/aliases"),
    ("GET", "rooms/R/state"),
    ("GET", "rooms/R/state/S"),
    ("PUT", "rooms/R/state/S"),
    ("GET", "rooms/R/state/S/S"),
    ("PUT", "rooms/R/state/S/S"),
    ("PUT", "rooms/R/state/m.room.member/U"),
    ("PUT", "rooms/R/state/m.room.power_levels/"),
    ("PUT", "rooms/R/send/S/S"),
    ("PUT", "rooms/R/redact/E/S"),
    ("GET", "rooms/R/messages"),
    ("GET", "rooms/R/event/E"),
    ("GET", "rooms/R/context/E"),
    ("PUT", "rooms/R/typing/U"),
    ("POST", "rooms/R/receipt/S/E"),
    ("POST", "rooms/R/read_markers"),
    ("GET", "sync"),
    ("GET", "directory/room/S"),
    ("PUT", "directory/room/S"),
    ("DELETE", "directory/room/S"),
    ("GET", "directory/list/room/R"),
    ("PUT", "directory/list/room/R"),
    ("GET", "publicRooms"),
    ("POST", "publicRooms"),
    ("GET", "user/U/account_data/S"),
    ("PUT", "user/U/account_data/S"),
    ("GET", "user/U/rooms/R/account_data/S"),
    ("PUT", "user/U/rooms/R/account_data/S"),
    ("GET", "user/U/rooms/R/tags"),
    ("PUT", "user/U/rooms/R/tags/S"),
    ("DELETE", "user/U/rooms/R/tags/S"),
    ("GET", "presence/U/status"),
    ("PUT", "presence/U/status"),
    ("PUT", "sendToDevice/S/S"),
];

/// A small generator of numbers (xorshift), so that a failure can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn roll<T: Clone>(&mut self, of: &[T]) -> T {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        of[(self.0 >> 11) as usize % of.len()].clone()
    }
}

#[tokio::test]
async fn no_route_fails_on_odd_paths_queries_and_bodies() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.create_room(&alice, json!({ "name": "kept" })).await;
    let event = server.say(&alice, &room, "kept").await;
    let bobs = server.create_room(&bob, json!({ "name": "kept" })).await;
    let secret = server.say(&bob, &bobs, "kept").await;
    let before = server.history(&bob, &bobs).await;
    let odd = [
        "%00",
        "%FF",
        "%C3%28",
        "",
        "%20",
        "..",
        "%2e%2e",
        "%F0%9F%98%80",
        "a%2Fb",
        "%22%5C",
        "!x",
        "$x",
        "#a:b",
        "@a",
    ];
    let long = "x".repeat(3000);
    let deep = format!("{}{}", "{\"a\":".repeat(1000), "1".to_owned() + &"}".repeat(1000));
    let deep_array = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let nul =
        r#"{"membership":"join\u0000","room_id":"\u0000","user_id":"@a\u0000:localhost","name":"\u0000"}"#.to_owned();
    let user =
        |id: &str| format!(r#"{{"user_id":"{id}","membership":"ban","presence":"online","typing":true,"timeout":-5}}"#);
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "{",
        "null",
        "[]",
        "5",
        "\"x\"",
        "{}",
        "{\"a\":1.5}",
        "{\"a\":1e999}",
        "{\"a\":123456789012345678901234567890}",
        "{\"a\":\"\\ud800\"}",
        "{\"content\":5}",
        "{\"messages\":{\"@a:b\":{\"*\":[]}}}",
        "{\"invite\":[\"@bob:localhost\"]}",
        "{\"limit\":-1}",
        "{\"limit\":1e9}",
        "{\"order\":\"x\"}",
        "{\"typing\":\"yes\"}",
        "{\"membership\":\"dance\"}",
        "{\"membership\":\"join\",\"membership\":\"ban\"}",
        "{\"m.fully_read\":\"\",\"m.read\":\"$x\"}",
        "{\"users\":{\"@bob:localhost\":1}}",
        "{\"visibility\":\"public\"}",
        "{\"room_version\":\"\"}",
        "{\"redacts\":\"$x\"}",
        "{\"redacts\":[]}",
        "{\"since\":\"p99999999999999999999\"}",
        "{\"filter\":{\"generic_search_term\":5}}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    let texts = [deep, deep_array, nul, user(&bob.id), user("@a"), user(""), user(&format!("@{long}:localhost"))];
    bodies.extend(texts.into_iter().map(String::into_bytes));
    bodies.extend([vec![0xff, 0xfe], b"{\"a\":\"\xff\"}".to_vec(), b"{\"a\0\":1}".to_vec()]);
    let queries = [
        "",
        "?limit=-1",
        "?limit=99999999999999999999",
        "?dir=b&limit=0",
        "?dir=f&from=%FF",
        "?dir=b&from=t-1",
        "?since=s1_",
        "?at=%00",
        "?filter=%7B",
        "?filter=%00",
        "?filter=%7B%22room%22:5%7D",
        "?format=%FF",
        "?membership=%00",
        "?timeout=x",
        "?since=%FF",
        "?%FF=%FF",
        "?dir=b&dir=f",
        "?filter=-1",
        "?filter=99999999999999999999999",
        "?server=%00",
    ];
    let seed = 0x5eed_cafe;
    let mut dice = Dice(seed);
    for round in 0..25 {
        for (method, route) in ROUTES {
            let mut path = String::from("/_matrix/client/v3");
            for segment in route.split('/') {
                let real = match segment {
                    "R" => dice.roll(&[room.as_str(), bobs.as_str(), "!none:localhost"]).to_string(),
                    "E" => encode(dice.roll(&[event.as_str(), secret.as_str(), "$none"])),
                    "U" => dice.roll(&[alice.id.as_str(), bob.id.as_str(), "@none:localhost"]).to_string(),
                    "S" => dice
                        .roll(&["m.room.topic", "m.tag", "m.read", "%23a:localhost", "m.room.redaction"])
                        .to_string(),
                    fixed => fixed.to_owned(),
                };
                let chosen = match dice.roll(&[0, 0, 0, 0, 1, 2]) {
                    1 if segment.len() == 1 => dice.roll(&odd).to_string(),
                    2 if segment.len() == 1 && round % 5 == 0 => long.clone(),
                    _ => real,
                };
                path = format!("{path}/{chosen}");
            }
            path.push_str(dice.roll(&queries));
            let body = dice.roll(&bodies);
            let shown = String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned();
            let (status, answer) = server.request(method, &path).by(&alice).body(body).send().await;
            assert!(status < 500, "seed {seed:x}: {method} {path} {shown}: {status} {answer}");
            if status >= 400 {
                assert!(answer["errcode"].is_string(), "{method} {path} {shown}: {status} {answer}");
            }
        }
    }
    // Nothing that is another's has changed, and the server is in its right mind.
    assert_eq!(server.history(&bob, &bobs).await, before);
    server.sync(&alice, None).await;
    let server = server.restart().await;
    server.sync(&alice, None).await;
    assert_eq!(server.history(&bob, &bobs).await, before);
}

#[tokio::test]
async fn huge_names_and_bodies_are_too_large_and_leave_nothing() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let room = server.create_room(&alice, json!({})).await;
    let before = server.history(&alice, &room).await;
    let name = "n".repeat(10_000_000);
    for (method, path, body) in [
        ("POST", "/_matrix/client/v3/createRoom".to_owned(), json!({ "name": name })),
        ("PUT", server.room(&room, "state/m.room.name"), json!({ "name": name })),
        ("PUT", server.room(&room, "send/m.room.message/1"), json!({ "body": name })),
        ("PUT", format!("/_matrix/client/v3/user/{}/account_data/x", alice.id), json!({ "x": name })),
        (
            "PUT",
            "/_matrix/client/v3/sendToDevice/x/1".to_owned(),
            json!({ "messages": { &alice.id: { "*": { "x": name } } } }),
        ),
        (
            "PUT",
            format!("/_matrix/client/v3/presence/{}/status", alice.id),
            json!({ "presence": "online", "status_msg": name }),
        ),
        ("POST", server.room(&room, "invite"), json!({ "user_id": format!("@{name}:localhost") })),
    ] {
        let request = server.request(method, &path).json(&body).by(&alice);
        request.refused(413, "M_TOO_LARGE").await;
    }
    assert_eq!(server.history(&alice, &room).await, before);
    let joined = server.get("/_matrix/client/v3/joined_rooms").by(&alice).ok().await;
    assert_eq!(joined["joined_rooms"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_member_event_that_says_two_things_means_one() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let path = server.room(&room, &format!("state/m.room.member/{}", bob.id));
    let twice = r#"{"membership":"join","membership":"leave"}"#;
    let (status, _) = server.request("PUT", &path).by(&bob).body(twice).send().await;
    let state: Value = server.get(&path).by(&alice).ok().await;
    let listed = server.get(&server.room(&room, "joined_members")).by(&alice).ok().await;
    let joined = listed["joined"].get(&bob.id).is_some();
    assert_eq!(joined, state["membership"] == "join", "{status} {state}");
    assert_eq!(server.sync(&bob, None).await["rooms"]["join"].get(&room).is_some(), joined);
}

/// Or a load balancer could not tell a poll that waits from a node that hangs.
#[tokio::test]
async fn a_poll_that_would_wait_for_longer_is_answered_after_half_a_minute() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let since = server.sync(&alice, None).await["next_batch"].clone();
    let begun = std::time::Instant::now();
    server.sync_with(&alice, Some(&since), "timeout=120000").await;
    let waited = begun.elapsed().as_secs();
    assert!((30..35).contains(&waited), "{waited} s");
}
