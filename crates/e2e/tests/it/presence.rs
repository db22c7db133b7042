//! Who sees who is here, and who does not.

use e2e::{Server, User, Value, encode, json};

fn status(user: &User) -> String {
    format!("/_matrix/client/v3/presence/{}/status", user.id)
}

/// What an answer says of the user.
fn told<'a>(synced: &'a Value, of: &User) -> Option<&'a Value> {
    let events = synced["presence"]["events"].as_array()?;
    events.iter().rfind(|event| event["sender"] == of.id).map(|event| &event["content"])
}

async fn come_online(server: &Server, user: &User, message: &str) {
    let body = json!({ "presence": "online", "status_msg": message });
    server.put(&status(user), body).by(user).ok().await;
}

#[tokio::test]
async fn nobody_has_no_presence() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    for nobody in ["@nobody:localhost", "@alice:elsewhere.example", "nonsense", "%20", "@:"] {
        let path = format!("/_matrix/client/v3/presence/{nobody}/status");
        server.get(&path).by(&alice).refused(404, "M_NOT_FOUND").await;
    }
    server.get(&status(&bob)).by(&alice).refused(403, "M_FORBIDDEN").await;
    assert_eq!(server.get(&status(&alice)).by(&alice).ok().await["presence"], "offline");
}

#[tokio::test]
async fn who_comes_back_learns_who_has_come_meanwhile() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    server.public_room(&alice, &[&bob]).await;
    let since = server.sync(&alice, None).await["next_batch"].clone();
    // The server forgets who was connected, as it does with users who are away for a minute.
    let server = server.restart().await;
    come_online(&server, &bob, "tea").await;
    let synced = server.sync(&alice, Some(&since)).await;
    assert_eq!(told(&synced, &bob).expect("bob is here")["status_msg"], "tea");
    assert_eq!(synced.get("rooms"), None, "nothing else has changed");
}

#[tokio::test]
async fn people_who_meet_learn_it_whatever_their_timelines_show() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.public_room(&alice, &[&bob]).await;
    let messages_only = format!("filter={}", encode(r#"{"room":{"timeline":{"types":["m.room.message"]}}}"#));
    let mut since = Vec::new();
    for user in [&alice, &bob, &carol] {
        come_online(&server, user, &user.id).await;
        since.push(server.sync_with(user, None, &messages_only).await["next_batch"].clone());
    }
    server.join(&carol, &room).await;
    for (user, since, others) in [(&alice, &since[0], vec![&carol]), (&carol, &since[2], vec![&alice, &bob])] {
        let synced = server.sync_with(user, Some(since), &messages_only).await;
        for other in others {
            assert_eq!(told(&synced, other).expect("they have met")["status_msg"], json!(other.id), "{synced}");
        }
        let again = server.sync_with(user, Some(&synced["next_batch"]), &messages_only).await;
        assert_eq!(again.get("presence"), None, "once is enough");
    }
}

#[tokio::test]
async fn an_invitation_or_a_past_stay_shows_nobody() {
    let server = Server::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = server.public_room(&alice, &[&bob]).await;
    server.moderate(&alice, &room, "invite", &carol).await;
    come_online(&server, &alice, "tea").await;
    assert_eq!(told(&server.sync(&carol, None).await, &alice), None, "an invitation is no meeting");
    let since = server.sync(&bob, None).await["next_batch"].clone();
    come_online(&server, &alice, "cake").await;
    server.leave(&bob, &room).await;
    come_online(&server, &alice, "for members only").await;
    for synced in [server.sync(&bob, Some(&since)).await, server.sync(&bob, None).await] {
        assert_eq!(told(&synced, &alice), None);
    }
    server.get(&status(&alice)).by(&bob).refused(403, "M_FORBIDDEN").await;
}
