//! What nodes tell each other beside the log: who types, who is here, what was taken from rate limits.

use std::time::Duration;

use e2e::{Server, encode, json};

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
        |synced: &e2e::Value| synced["rooms"]["join"][&room]["ephemeral"]["events"][0]["content"]["user_ids"].clone();
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
    let online = |synced: &e2e::Value| {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_holds_for_all_nodes_together() {
    let (database, redis) = (e2e::database().await, e2e::redis().await);
    let mut nodes = Vec::new();
    for _ in 0..2 {
        let (database, redis) = (database.clone(), redis.clone());
        nodes.push(
            Server::with(move |settings| {
                settings.postgres.url = database;
                settings.redis.urls = vec![redis];
                settings.rules.rate_limits.enabled = true;
                settings.rules.rate_limits.message.burst = 10;
                settings.rules.rate_limits.message.per_second = 0.01;
            })
            .await,
        );
    }
    let alice = nodes[0].register("alice").await;
    let room = nodes[0].create_room(&alice, json!({})).await;
    let mut passed = 0;
    for n in 0..40 {
        let path = nodes[n % 2].room(&room, &format!("send/m.room.message/{n}"));
        let (status, _) = nodes[n % 2].put(&path, json!({ "msgtype": "m.text", "body": "x" })).by(&alice).send().await;
        assert!(matches!(status, 200 | 429), "{status}");
        passed += usize::from(status == 200);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    // Nodes are told a few times a second: as many as one limit allows, and a few.
    assert!((8..=15).contains(&passed), "{passed}");
}
