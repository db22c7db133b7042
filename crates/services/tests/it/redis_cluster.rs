//! Three servers of a Redis Cluster.

use services::RedisCluster;

#[tokio::test]
async fn a_cluster_spreads_keys_and_works_again_after_a_node_came_back() {
    let cluster = RedisCluster::start().await.expect("a cluster");
    let [first, second, _] = cluster.nodes() else { panic!("three nodes") };
    assert_eq!(cluster.urls()[0], first.url());
    let moved = first.command(&["set", "a", "1"]).await.expect_err("the key a lives on the third node");
    assert!(moved.to_string().contains("MOVED 15495"), "{moved}");
    second.kill().await;
    second.start_again().await.expect("it starts again");
    cluster.ready().await.expect("it works again");
}
