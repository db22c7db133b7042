//! What nodes tell each other beside the log: who types, who is here, what was taken from rate limits.

use std::time::Duration;

use e2e::{User, Value, encode, json};

use super::{Nodes, follow};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_types_at_one_node_is_seen_at_another() {
    let nodes = Nodes::start(2).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    let mut since = nodes.at(1).sync(&bob, None).await["next_batch"].clone();
    let path = nodes.at(0).room(&room, &format!("typing/{}", encode(&alice.id)));
    nodes.at(0).put(&path, json!({ "typing": true, "timeout": 20_000 })).by(&alice).ok().await;
    let typing =
        |synced: &Value| synced["rooms"]["join"][&room]["ephemeral"]["events"][0]["content"]["user_ids"].clone();
    let node = nodes.at(1);
    let synced = node.sync_with(&bob, Some(&since), "timeout=5000").await;
    assert_eq!(typing(&synced), json!([alice.id]), "{synced}");
    since = synced["next_batch"].clone();
    nodes.at(0).put(&path, json!({ "typing": false })).by(&alice).ok().await;
    let synced = node.sync_with(&bob, Some(&since), "timeout=5000").await;
    assert_eq!(typing(&synced), json!([]), "{synced}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_at_one_node_is_seen_online_at_another() {
    let nodes = Nodes::start(2).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    let mut since = nodes.at(1).sync(&bob, None).await["next_batch"].clone();
    let mut stream = nodes.at(0).stream(&alice, "set_presence=online").await.expect("open");
    stream.next().await.expect("it sends").expect("the first frame");
    let online = |synced: &Value| {
        let events = synced["presence"]["events"].as_array().cloned().unwrap_or_default();
        events.iter().any(|event| event["sender"] == json!(alice.id) && event["content"]["presence"] == "online")
    };
    let only = Nodes::only(&nodes, 1);
    follow(&only, &bob, &mut since, online).await;
    let path = format!("/_matrix/client/v3/presence/{}/status", encode(&alice.id));
    assert_eq!(nodes.at(1).get(&path).by(&bob).ok().await["presence"], "online");
    // Who comes later is told too, but not who has only invited or met her once.
    let first = nodes.at(1).sync(&bob, None).await;
    assert!(online(&first), "{}", first["presence"]);
    let mallory = nodes.at(1).register("mallory").await;
    let trap = nodes.at(1).create_room(&mallory, json!({})).await;
    nodes.at(1).moderate(&mallory, &trap, "invite", &alice).await;
    nodes.at(1).join(&mallory, &room).await;
    assert!(online(&nodes.at(1).sync(&mallory, None).await));
    nodes.at(1).leave(&mallory, &room).await;
    let synced = nodes.at(1).sync(&mallory, None).await;
    assert!(!online(&synced), "{}", synced["presence"]);
}

/// How present somebody is, as an answer says.
fn told(synced: &Value, who: &User) -> Option<Value> {
    let events = synced["presence"]["events"].as_array()?;
    events.iter().rfind(|event| event["sender"] == who.id).map(|event| event["content"]["presence"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_at_two_nodes_who_meet_learn_that_the_other_is_here() {
    let nodes = Nodes::start(2).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[]).await;
    let mut of_alice = nodes.at(0).sync(&alice, None).await["next_batch"].clone();
    // Both nodes know it, and nothing of it changes any more.
    for (node, user) in [(0, &alice), (1, &bob)] {
        let path = format!("/_matrix/client/v3/presence/{}/status", encode(&user.id));
        nodes.at(node).put(&path, json!({ "presence": "online" })).by(user).ok().await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut stream = nodes.at(1).stream(&bob, "set_presence=online").await.expect("open");
    stream.next().await.expect("it sends").expect("the first frame");
    // Whichever node it is that lets them in.
    nodes.at(0).join(&bob, &room).await;
    while told(&stream.next().await.expect("it goes on").expect("open"), &alice) != Some(json!("online")) {}
    follow(&Nodes::only(&nodes, 0), &alice, &mut of_alice, |synced| told(synced, &bob) == Some(json!("online"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_at_another_node_learns_who_has_gone_meanwhile() {
    let nodes = Nodes::start(3).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    // The third node has the room in its memory.
    nodes.at(2).history(&bob, &room).await;
    let path = format!("/_matrix/client/v3/presence/{}/status", encode(&alice.id));
    nodes.at(0).put(&path, json!({ "presence": "online" })).by(&alice).ok().await;
    let mut synced = nodes.at(1).sync(&bob, None).await;
    let mut since = synced["next_batch"].clone();
    if told(&synced, &alice).is_none() {
        follow(&Nodes::only(&nodes, 1), &bob, &mut since, |synced| told(synced, &alice).is_some()).await;
    }
    nodes.at(0).put(&path, json!({ "presence": "offline" })).by(&alice).ok().await;
    follow(&Nodes::only(&nodes, 1), &bob, &mut since, |synced| told(synced, &alice) == Some(json!("offline"))).await;
    // The token is another node's, so it is said again, and once: after that a wait is a wait.
    synced = nodes.at(2).sync(&bob, Some(&since)).await;
    assert_eq!(told(&synced, &alice), Some(json!("offline")), "{synced}");
    let begun = std::time::Instant::now();
    let quiet = nodes.at(2).sync_with(&bob, Some(&synced["next_batch"]), "timeout=700").await;
    assert!(told(&quiet, &alice).is_none() && begun.elapsed().as_millis() >= 700, "{quiet}");
    // Who has left is told of nobody.
    nodes.at(1).leave(&bob, &room).await;
    let synced = nodes.at(0).sync(&bob, Some(&since)).await;
    assert_eq!(told(&synced, &alice), None, "{synced}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_holds_for_all_nodes_together() {
    let redis = e2e::redis().await;
    let nodes = Nodes::each(2, |_, settings| {
        settings.redis.urls = vec![redis.clone()];
        settings.rules.rate_limits.enabled = true;
        settings.rules.rate_limits.message.burst = 10;
        settings.rules.rate_limits.message.per_second = 0.01;
    })
    .await;
    let alice = nodes.at(0).register("alice").await;
    let room = nodes.at(0).create_room(&alice, json!({})).await;
    let mut passed = 0;
    for n in 0..40 {
        let path = nodes.at(n).room(&room, &format!("send/m.room.message/{n}"));
        let (status, _) = nodes.at(n).put(&path, json!({ "msgtype": "m.text", "body": "x" })).by(&alice).send().await;
        assert!(matches!(status, 200 | 429), "{status}");
        passed += usize::from(status == 200);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    // Nodes are told a few times a second: as many as one limit allows, and a few.
    assert!((8..=15).contains(&passed), "{passed}");
}
