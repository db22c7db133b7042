//! Finding people.

use e2e::{Server, User, Value, json};

const SEARCH: &str = "/_matrix/client/v3/user_directory/search";

async fn found(server: &Server, by: &User, body: Value) -> (Vec<String>, bool) {
    let answer = server.post(SEARCH, body).by(by).ok().await;
    let results = answer["results"].as_array().expect("results").iter();
    let ids = results.map(|user| user["user_id"].as_str().expect("an id").to_owned());
    (ids.collect(), answer["limited"].as_bool().expect("limited"))
}

async fn rename(server: &Server, user: &User, name: &str) {
    let path = format!("/_matrix/client/v3/profile/{}/displayname", user.id);
    server.put(&path, json!({ "displayname": name })).by(user).ok().await;
}

#[tokio::test]
async fn people_are_found_by_parts_of_their_name_or_id() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let (bob, malice) = (server.register("bob").await, server.register("malice").await);
    rename(&server, &bob, "Ágnes_O'Hara 100%").await;
    server
        .put(&format!("/_matrix/client/v3/profile/{}/avatar_url", bob.id), json!({ "avatar_url": "mxc://localhost/b" }))
        .by(&bob)
        .ok()
        .await;
    for (term, expected) in [
        ("alice", vec![&alice.id, &malice.id]),
        ("ALI", vec![&alice.id, &malice.id]),
        ("@mal", vec![&malice.id]),
        ("lice", vec![&alice.id, &malice.id]),
        ("áGNES", vec![&bob.id]),
        ("hara", vec![&bob.id]),
        ("s_o", vec![&bob.id]),
        ("0%", vec![&bob.id]),
        ("%", vec![&bob.id]),
        ("@bob:localhost", vec![&bob.id]),
        ("nobody", vec![]),
        ("' or 1=1 --", vec![]),
        ("\\", vec![]),
    ] {
        let (ids, limited) = found(&server, &alice, json!({ "search_term": term })).await;
        assert_eq!((ids.iter().collect::<Vec<_>>(), limited), (expected, false), "{term}");
    }
    let answer = server.post(SEARCH, json!({ "search_term": "bob" })).by(&alice).ok().await;
    let expected = json!({ "user_id": bob.id, "display_name": "Ágnes_O'Hara 100%", "avatar_url": "mxc://localhost/b" });
    assert_eq!(answer["results"], json!([expected]));
}

#[tokio::test]
async fn a_limit_is_kept_and_told() {
    let server = Server::start().await;
    let alice = server.register("alice0").await;
    for n in 1..12 {
        server.register(&format!("alice{n}")).await;
    }
    for (body, count, limited) in [
        (json!({ "search_term": "alice" }), 10, true),
        (json!({ "search_term": "alice", "limit": 3 }), 3, true),
        (json!({ "search_term": "alice", "limit": 0 }), 0, true),
        (json!({ "search_term": "alice", "limit": 12 }), 12, false),
        (json!({ "search_term": "alice", "limit": i64::MAX }), 12, false),
    ] {
        let (ids, more) = found(&server, &alice, body.clone()).await;
        assert_eq!((ids.len(), more), (count, limited), "{body}");
    }
}

#[tokio::test]
async fn a_search_that_makes_no_sense_is_refused() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for (body, errcode) in [
        (json!({}), "M_MISSING_PARAM"),
        (json!({ "search_term": 1 }), "M_BAD_JSON"),
        (json!({ "search_term": "a", "limit": -1 }), "M_INVALID_PARAM"),
        (json!({ "search_term": "a", "limit": "many" }), "M_BAD_JSON"),
        (json!({ "search_term": "a", "limit": 1.5 }), "M_BAD_JSON"),
    ] {
        let (status, answer) = server.post(SEARCH, body.clone()).by(&alice).send().await;
        assert_eq!((status, &answer["errcode"]), (400, &json!(errcode)), "{body}");
    }
    assert_eq!(server.post(SEARCH, json!({ "search_term": "a" })).send().await.0, 401);
    assert_eq!(found(&server, &alice, json!({ "search_term": "a".repeat(100_000) })).await.0.len(), 0);
}

#[tokio::test]
async fn where_not_everybody_may_be_found_only_those_of_ones_rooms_and_of_open_rooms_are() {
    let server = Server::with(|settings| settings.rules.user_directory.search_all_users = false).await;
    let caller = server.register("caller").await;
    let (friend, public, hidden) =
        (server.register("p.friend").await, server.register("p.public").await, server.register("p.hidden").await);
    let create = |body: Value, by: &User| server.post("/_matrix/client/v3/createRoom", body).by(by).ok();
    let shared = create(json!({ "preset": "private_chat", "invite": [friend.id] }), &caller).await;
    create(json!({ "preset": "private_chat" }), &hidden).await;
    create(json!({ "preset": "public_chat" }), &public).await;
    let people = || found(&server, &caller, json!({ "search_term": "p." }));
    assert_eq!(people().await, (vec![public.id.clone()], false), "an invitation is not enough");
    let join = format!("/_matrix/client/v3/join/{}", shared["room_id"].as_str().expect("a room"));
    server.post(&join, json!({})).by(&friend).ok().await;
    assert_eq!(people().await, (vec![friend.id.clone(), public.id.clone()], false));
    assert_eq!(found(&server, &caller, json!({ "search_term": "caller" })).await.0, vec![caller.id.clone()]);
    assert_eq!(found(&server, &caller, json!({ "search_term": "p.", "limit": 1 })).await, (vec![friend.id], true));
}
