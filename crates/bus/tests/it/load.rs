//! What many messages cost.

use bytes::Bytes;
use services::Redis;

use crate::worlds::{World, next, single};

async fn reads_of(redis: &Redis) -> u64 {
    let stats = redis.command(&["info", "stats"]).await.unwrap();
    let reads = stats.lines().find_map(|line| line.trim().strip_prefix("total_reads_processed:"));
    reads.unwrap().parse().unwrap()
}

#[tokio::test]
async fn many_small_messages_travel_in_few_writes() {
    let redis = Redis::start(&[]).await.unwrap();
    let world = World::at(single(&redis.url()));
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    let before = reads_of(&redis).await;
    for _ in 0..10_000 {
        a.publish(Bytes::from_static(&[7; 100]));
    }
    for _ in 0..10_000 {
        next(&mut at_b).await;
    }
    let reads = reads_of(&redis).await - before;
    assert!(reads < 1000, "Redis had to read {reads} times for 10,000 messages");
}
