//! A Sentinel over Redis.

use std::time::Duration;

use services::{Redis, Sentinel};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn a_sentinel_promotes_the_replica_of_a_dead_server() {
    let redis = Redis::start(&[]).await.expect("a server");
    redis.command(&["set", "key", "value"]).await.expect("set");
    let replica = redis.replica().await.expect("a replica");
    assert_eq!(replica.command(&["get", "key"]).await.expect("get"), "value");
    let sentinel = Sentinel::start(&redis, "main").await.expect("a sentinel");
    assert_eq!(sentinel.primary().await.expect("the server"), redis.addr());
    redis.kill().await;
    let promoted = async {
        while sentinel.primary().await.expect("a server") != replica.addr() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(15), promoted).await.expect("a failover");
    sentinel.kill().await;
    sentinel.start_again().await.expect("it starts again");
    assert_eq!(sentinel.primary().await.expect("it knows"), replica.addr());
    assert_eq!(sentinel.name(), "main");
}
