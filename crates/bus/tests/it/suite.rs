//! The contract: rules that hold on every implementation.

use std::time::Duration;

use bus::Bus;
use bytes::Bytes;
use tokio::time::sleep;

use crate::worlds::{World, next};

const MINUTE: Duration = Duration::from_secs(60);

macro_rules! rules {
    ($($rule:ident)*) => {
        rules! { @world in_process $($rule)* }
        rules! { @world redis $($rule)* }
        rules! { @world sentinel $($rule)* }
        rules! { @world cluster $($rule)* }
    };
    (@world $world:ident $($rule:ident)*) => {
        mod $world {
            $(#[tokio::test]
            async fn $rule() {
                super::$rule(crate::worlds::World::$world().await).await;
            })*
        }
    };
}

rules! {
    a_message_reaches_every_other_node_and_not_its_sender
    the_messages_of_a_node_arrive_unchanged_and_in_order
    nobody_hears_another_cluster
    a_later_subscription_takes_the_place_of_an_earlier_one
    a_bus_lives_until_its_last_clone
    a_value_is_seen_by_every_node_until_it_expires
    a_value_that_is_put_again_is_replaced_and_lives_longer
    a_removed_value_is_gone_and_no_other
    a_node_reads_what_it_has_just_put
    what_goes_through_is_counted
}

async fn values(bus: &Bus, kind: &str) -> Vec<(String, Bytes)> {
    let mut values = bus.all(kind).await.unwrap();
    values.sort();
    values
}

fn value(id: &str, value: &'static str) -> (String, Bytes) {
    (id.to_owned(), Bytes::from(value))
}

async fn a_message_reaches_every_other_node_and_not_its_sender(world: World) {
    let (a, b, c) = (world.connected().await, world.connected().await, world.connected().await);
    let (mut at_a, mut at_b, mut at_c) = (a.subscribe(), b.subscribe(), c.subscribe());
    a.publish(Bytes::from("from a"));
    assert_eq!(next(&mut at_b).await, "from a");
    assert_eq!(next(&mut at_c).await, "from a");
    b.publish(Bytes::from("from b"));
    assert_eq!(next(&mut at_a).await, "from b", "its own message would have come first");
    assert_eq!(next(&mut at_c).await, "from b");
}

async fn the_messages_of_a_node_arrive_unchanged_and_in_order(world: World) {
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    let all_bytes: Vec<u8> = (0..=255).collect();
    let mut messages =
        vec![Bytes::new(), Bytes::from("\r\n$-1\r\n"), Bytes::from(all_bytes), Bytes::from(vec![7; 1 << 20])];
    messages.extend((0..5000_u32).map(|number| Bytes::copy_from_slice(&number.to_le_bytes())));
    for message in &messages {
        a.publish(message.clone());
    }
    for message in &messages {
        assert_eq!(next(&mut at_b).await, message);
    }
}

async fn nobody_hears_another_cluster(world: World) {
    let elsewhere = match &world {
        World::InProcess(_) => World::in_process().await,
        World::Redis { config, .. } => World::at(config.clone()),
    };
    let (a, b, stranger) = (world.connected().await, world.connected().await, elsewhere.connected().await);
    let (mut at_b, mut at_stranger) = (b.subscribe(), stranger.subscribe());
    a.publish(Bytes::from("secret"));
    a.put("online", "a", Bytes::from("secret"), MINUTE);
    assert_eq!(next(&mut at_b).await, "secret");
    assert_eq!(values(&stranger, "online").await, []);
    elsewhere.connected().await.publish(Bytes::from("ours"));
    assert_eq!(next(&mut at_stranger).await, "ours");
}

async fn a_later_subscription_takes_the_place_of_an_earlier_one(world: World) {
    let (a, b) = (world.connected().await, world.connected().await);
    let (mut earlier, mut later) = (b.subscribe(), b.subscribe());
    a.publish(Bytes::from("hint"));
    assert_eq!(next(&mut later).await, "hint");
    assert_eq!(earlier.next().await, None);
}

async fn a_bus_lives_until_its_last_clone(world: World) {
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    let clone = b.clone();
    drop(b);
    a.publish(Bytes::from("hint"));
    assert_eq!(next(&mut at_b).await, "hint");
    drop(clone);
    assert_eq!(at_b.next().await, None);
}

async fn a_value_is_seen_by_every_node_until_it_expires(world: World) {
    let (a, b) = (world.connected().await, world.connected().await);
    assert_eq!(values(&b, "online").await, []);
    a.put("online", "short", Bytes::from("1"), Duration::from_millis(300));
    a.put("online", "long", Bytes::from("2"), MINUTE);
    assert_eq!(values(&a, "online").await, [value("long", "2"), value("short", "1")]);
    assert_eq!(values(&b, "online").await, [value("long", "2"), value("short", "1")]);
    sleep(Duration::from_millis(350)).await;
    assert_eq!(values(&b, "online").await, [value("long", "2")]);
}

async fn a_value_that_is_put_again_is_replaced_and_lives_longer(world: World) {
    let (a, b) = (world.connected().await, world.connected().await);
    a.put("online", "a", Bytes::from("old"), Duration::from_millis(200));
    a.put("online", "a", Bytes::from("new"), MINUTE);
    sleep(Duration::from_millis(250)).await;
    assert_eq!(values(&b, "online").await, [value("a", "new")]);
}

async fn a_removed_value_is_gone_and_no_other(world: World) {
    let (a, b) = (world.connected().await, world.connected().await);
    a.put("online", "a", Bytes::from("1"), MINUTE);
    a.put("online", "b", Bytes::from("2"), MINUTE);
    a.put("typing", "a", Bytes::from("3"), MINUTE);
    a.remove("online", "a");
    a.remove("online", "nobody");
    assert_eq!(values(&a, "online").await, [value("b", "2")]);
    assert_eq!(values(&b, "typing").await, [value("a", "3")]);
}

async fn a_node_reads_what_it_has_just_put(world: World) {
    let a = world.connected().await;
    for number in 0..100 {
        let id = number.to_string();
        a.put("count", &id, Bytes::from(id.clone()), MINUTE);
        assert_eq!(a.all("count").await.unwrap().len(), number + 1);
    }
}

async fn what_goes_through_is_counted(world: World) {
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    for _ in 0..10 {
        a.publish(Bytes::from("hint"));
        next(&mut at_b).await;
    }
    // What was put before has been settled when this answers.
    values(&a, "nothing").await;
    let (sent, received) = (a.stats(), b.stats());
    assert_eq!((sent.published, sent.received, sent.dropped_out, sent.healthy), (10, 0, 0, true));
    assert_eq!((received.published, received.received, received.dropped_in, received.reconnects), (0, 10, 0, 0));
}
