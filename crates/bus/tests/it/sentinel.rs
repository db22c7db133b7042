//! Behind Sentinel.

use services::{Redis, Sentinel};

use crate::worlds::{World, becomes, behind, hears};

#[tokio::test]
async fn when_the_master_dies_the_nodes_meet_at_the_next_one() {
    let first = Redis::start(&[]).await.unwrap();
    let _second = first.replica().await.unwrap();
    let sentinel = Sentinel::start(&first, "chat").await.unwrap();
    let world = World::at(behind(&sentinel));
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    hears(&a, &mut at_b, "before").await;
    first.kill().await;
    becomes(&a, false).await;
    becomes(&a, true).await;
    becomes(&b, true).await;
    hears(&a, &mut at_b, "after").await;
    assert_ne!(sentinel.primary().await.unwrap(), first.addr());
}

#[tokio::test]
async fn a_master_that_was_demoted_while_nobody_noticed_is_left() {
    let first = Redis::start(&[]).await.unwrap();
    let second = first.replica().await.unwrap();
    let sentinel = Sentinel::start(&first, "chat").await.unwrap();
    let world = World::at(behind(&sentinel));
    let (a, b) = (world.connected().await, world.connected().await);
    first.pause().await;
    becomes(&a, false).await;
    becomes(&a, true).await;
    // It still takes itself for the master.
    first.resume().await;
    becomes(&b, true).await;
    hears(&a, &mut b.subscribe(), "hint").await;
    assert_eq!(sentinel.primary().await.unwrap(), second.addr());
}
