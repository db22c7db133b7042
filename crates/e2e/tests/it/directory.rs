//! Room addresses and the public room list.

use e2e::{Server, json};

fn address(name: &str) -> String {
    format!("/_matrix/client/v3/directory/room/%23{name}:localhost")
}

#[tokio::test]
async fn an_address_names_one_room_until_it_is_taken_away() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let carol = server.register("carol").await;
    let room = server.public_room(&alice, &[&bob]).await;
    let other = server.create_room(&carol, json!({})).await;
    let put = |name: &str, room: &str| server.put(&address(name), json!({ "room_id": room }));
    put("tea", &room).by(&bob).ok().await;
    let found = server.get(&address("tea")).ok().await;
    assert_eq!(found, json!({ "room_id": room, "servers": ["localhost"] }));
    put("tea", &other).by(&carol).refused(409, "M_UNKNOWN").await;
    put("cake", &room).by(&carol).refused(403, "M_FORBIDDEN").await;
    put("cake", "!none:localhost").by(&carol).refused(403, "M_FORBIDDEN").await;
    put("cake", &room).refused(401, "M_MISSING_TOKEN").await;
    server.put(&address("cake"), json!({})).by(&alice).refused(400, "M_BAD_JSON").await;
    server.put(&address("cake"), json!({ "room_id": 5 })).by(&alice).refused(400, "M_BAD_JSON").await;
    put("a%20b", &room).by(&alice).refused(400, "M_INVALID_PARAM").await;
    let elsewhere = "/_matrix/client/v3/directory/room/%23tea:elsewhere.org";
    server.get(elsewhere).refused(404, "M_NOT_FOUND").await;
    server.get("/_matrix/client/v3/directory/room/tea").refused(400, "M_INVALID_PARAM").await;
    server.get(&address("cake")).refused(404, "M_NOT_FOUND").await;
    let aliases = server.get(&server.room(&room, "aliases")).by(&alice).ok().await;
    assert_eq!(aliases, json!({ "aliases": ["#tea:localhost"] }));
    server.set_state(&alice, &room, "m.room.canonical_alias", "", json!({ "alias": "#tea:localhost" })).await;
    let foreign =
        server.put(&server.room(&other, "state/m.room.canonical_alias"), json!({ "alias": "#tea:localhost" }));
    foreign.by(&carol).refused(400, "M_BAD_ALIAS").await;
    server.join(&carol, "#tea:localhost").await;
    server.delete(&address("tea")).by(&carol).refused(403, "M_FORBIDDEN").await;
    server.delete(&address("tea")).refused(401, "M_MISSING_TOKEN").await;
    server.delete(&address("cake")).by(&carol).refused(404, "M_NOT_FOUND").await;
    // Who runs the room may, and who made the address.
    server.delete(&address("tea")).by(&alice).ok().await;
    put("tea", &room).by(&bob).ok().await;
    server.delete(&address("tea")).by(&bob).ok().await;
    server.get(&address("tea")).refused(404, "M_NOT_FOUND").await;
}

#[tokio::test]
async fn the_public_list_is_paged_and_searched() {
    let server = Server::start().await;
    let (admin, alice, bob) =
        (server.register("admin").await, server.register("alice").await, server.register("bob").await);
    let mut rooms = Vec::new();
    for n in 0..5 {
        let body = json!({ "visibility": "public", "name": format!("Room {n}"), "topic": format!("About {n} CAKES") });
        rooms.push(server.create_room(&alice, body).await);
    }
    let hidden = server.create_room(&alice, json!({ "name": "Room hidden" })).await;
    server.join(&bob, &rooms[3]).await;
    let list = "/_matrix/client/v3/publicRooms";
    let all = server.get(list).by(&bob).ok().await;
    assert_eq!((&all["total_room_count_estimate"], &all["chunk"][0]["room_id"]), (&json!(5), &json!(rooms[3])));
    assert_eq!(all["chunk"][0]["num_joined_members"], 2);
    let (mut seen, mut since) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{list}?limit=2{since}")).by(&bob).ok().await;
        seen.extend(page["chunk"].as_array().expect("a chunk").iter().map(|room| room["room_id"].clone()));
        match page["next_batch"].as_str() {
            Some(next) => since = format!("&since={next}"),
            None => break,
        }
    }
    let listed: Vec<_> = all["chunk"].as_array().expect("a chunk").iter().map(|room| room["room_id"].clone()).collect();
    assert_eq!(seen, listed);
    let search = json!({ "filter": { "generic_search_term": "2 cake" } });
    let found = server.post(list, search).by(&bob).ok().await;
    assert_eq!(found["chunk"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["chunk"][0]["room_id"], rooms[2]);
    server.get(&format!("{list}?since=nonsense")).by(&bob).refused(400, "M_INVALID_PARAM").await;
    server.get(&format!("{list}?limit=-1")).by(&bob).refused(400, "M_INVALID_PARAM").await;
    server.post(list, json!({ "limit": "many" })).by(&bob).refused(400, "M_BAD_JSON").await;
    server.post(list, json!({ "filter": 5 })).by(&bob).refused(400, "M_BAD_JSON").await;
    server.get(list).refused(401, "M_MISSING_TOKEN").await;

    let listing = |room: &str| format!("/_matrix/client/v3/directory/list/room/{room}");
    assert_eq!(server.get(&listing(&hidden)).ok().await, json!({ "visibility": "private" }));
    let publish = || server.put(&listing(&hidden), json!({ "visibility": "public" }));
    publish().by(&bob).refused(403, "M_FORBIDDEN").await;
    publish().refused(401, "M_MISSING_TOKEN").await;
    server.put(&listing(&hidden), json!({ "visibility": "open" })).by(&alice).refused(400, "M_BAD_JSON").await;
    server.get(&listing("!none:localhost")).refused(404, "M_NOT_FOUND").await;
    server.put(&listing("!none:localhost"), json!({})).by(&alice).refused(404, "M_NOT_FOUND").await;
    publish().by(&alice).ok().await;
    assert_eq!(server.get(&listing(&hidden)).ok().await, json!({ "visibility": "public" }));
    server.put(&listing(&hidden), json!({ "visibility": "private" })).by(&admin).ok().await;
    let server = server.restart().await;
    assert_eq!(server.get(list).by(&bob).ok().await["total_room_count_estimate"], 5);
}
