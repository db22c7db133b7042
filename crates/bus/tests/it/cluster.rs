//! At a Redis Cluster.

use std::time::Duration;

use bus::Unavailable;
use bytes::Bytes;
use services::{Redis, RedisCluster};
use tokio::time::sleep;

use crate::worlds::{World, becomes, hears, of, reads};

const MINUTE: Duration = Duration::from_secs(60);

/// The server at which all nodes of the cluster listen.
async fn meeting_place(cluster: &RedisCluster) -> &Redis {
    let mut places = Vec::new();
    for node in cluster.nodes() {
        if !node.command(&["pubsub", "channels", "*:hints"]).await.unwrap().is_empty() {
            places.push(node);
        }
    }
    assert_eq!(places.len(), 1);
    places[0]
}

#[tokio::test]
async fn messages_go_on_while_the_server_with_the_values_is_dead() {
    let cluster = RedisCluster::start().await.unwrap();
    let world = World::at(of(&cluster));
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    let place = meeting_place(&cluster).await;
    place.kill().await;
    becomes(&a, false).await;
    becomes(&a, true).await;
    becomes(&b, true).await;
    hears(&a, &mut at_b, "hint").await;
    assert_eq!(a.all("online").await, Err(Unavailable));
    place.start_again().await.unwrap();
    cluster.ready().await.unwrap();
    // A node that met the others elsewhere finds back when it is told that it is at the wrong server.
    while a.all("online").await.is_err() {
        a.put("online", "a", Bytes::from("1"), MINUTE);
        sleep(Duration::from_millis(50)).await;
    }
    a.put("online", "a", Bytes::from("1"), MINUTE);
    becomes(&b, true).await;
    reads(&b, "online", &["a"]).await;
    hears(&a, &mut at_b, "hint").await;
}
