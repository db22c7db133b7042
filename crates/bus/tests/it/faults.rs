//! What happens when Redis fails: it is noticed at once, nobody is held up, and it passes by itself.

use std::time::{Duration, Instant};

use bus::{Bus, Unavailable};
use bytes::Bytes;
use services::{Cut, Proxy, Redis};
use tokio::time::{sleep, timeout};

use crate::worlds::{World, becomes, hears, reads, single};

/// It takes 400 ms at most; the rest is for a busy machine.
const AT_ONCE: Duration = Duration::from_millis(800);
const MINUTE: Duration = Duration::from_secs(60);

/// A server of the test's own, with a cluster at it.
async fn own() -> (Redis, World) {
    let redis = Redis::start(&[]).await.unwrap();
    let world = World::at(single(&redis.url()));
    (redis, world)
}

async fn is_noticed_at_once(bus: &Bus) {
    let since = Instant::now();
    becomes(bus, false).await;
    assert!(since.elapsed() < AT_ONCE, "noticed after {:?}", since.elapsed());
}

#[tokio::test]
async fn a_redis_that_is_not_there_yet_is_no_error() {
    let (redis, world) = own().await;
    redis.kill().await;
    let (a, b) = (world.node(), world.node());
    a.publish(Bytes::from("into the void"));
    assert_eq!(a.all("online").await, Err(Unavailable));
    redis.start_again().await.unwrap();
    becomes(&a, true).await;
    becomes(&b, true).await;
    hears(&a, &mut b.subscribe(), "hint").await;
}

#[tokio::test]
async fn a_killed_redis_is_noticed_at_once_and_found_again() {
    let (redis, world) = own().await;
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    redis.kill().await;
    is_noticed_at_once(&a).await;
    assert_eq!(a.all("online").await, Err(Unavailable));
    redis.start_again().await.unwrap();
    becomes(&a, true).await;
    becomes(&b, true).await;
    hears(&a, &mut at_b, "hint").await;
    assert_eq!(a.stats().reconnects, 1);
}

#[tokio::test]
async fn a_frozen_redis_is_noticed_at_once_and_used_again_when_it_thaws() {
    let (redis, world) = own().await;
    let (a, b) = (world.connected().await, world.connected().await);
    // More than once, since it matters when between two heartbeats it freezes; the last time for longer than any
    // connection lives.
    for frozen_ms in [0, 0, 0, 1500] {
        redis.pause().await;
        is_noticed_at_once(&a).await;
        sleep(Duration::from_millis(frozen_ms)).await;
        redis.resume().await;
        becomes(&a, true).await;
    }
    becomes(&b, true).await;
    hears(&a, &mut b.subscribe(), "hint").await;
}

#[tokio::test]
async fn a_node_that_is_cut_off_notices_it_and_the_others_do_not() {
    let (redis, world) = own().await;
    let proxy = Proxy::start(redis.addr()).await.unwrap();
    let b = world.connected().await;
    let a = world.sibling(single(&format!("redis://{}", proxy.addr()))).connected().await;
    let mut at_b = b.subscribe();
    for cut in [Cut::Blackhole, Cut::Refuse] {
        proxy.cut(cut).await.unwrap();
        is_noticed_at_once(&a).await;
        assert!(b.stats().healthy);
        proxy.heal().await.unwrap();
        becomes(&a, true).await;
        hears(&a, &mut at_b, "hint").await;
    }
    assert_eq!(b.stats().reconnects, 0);
}

#[tokio::test]
async fn a_connection_that_redis_closes_is_made_again_at_once() {
    let (redis, world) = own().await;
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    redis.command(&["client", "kill", "type", "pubsub"]).await.unwrap();
    is_noticed_at_once(&b).await;
    becomes(&a, true).await;
    becomes(&b, true).await;
    hears(&a, &mut at_b, "hint").await;
}

#[tokio::test]
async fn a_flushed_redis_forgets_values_and_nothing_else() {
    let (redis, world) = own().await;
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    a.put("online", "a", Bytes::from("1"), MINUTE);
    reads(&b, "online", &["a"]).await;
    redis.flush().await.unwrap();
    assert_eq!(b.all("online").await, Ok(vec![]));
    hears(&a, &mut at_b, "hint").await;
    a.put("online", "a", Bytes::from("1"), MINUTE);
    reads(&b, "online", &["a"]).await;
    assert_eq!((a.stats().reconnects, b.stats().reconnects), (0, 0));
}

#[tokio::test]
async fn values_wait_for_redis_and_old_messages_do_not() {
    let (redis, world) = own().await;
    let (a, b) = (world.connected().await, world.connected().await);
    let mut at_b = b.subscribe();
    redis.kill().await;
    becomes(&a, false).await;
    a.publish(Bytes::from("old news"));
    a.put("online", "long", Bytes::from("1"), MINUTE);
    a.put("online", "short", Bytes::from("2"), Duration::from_millis(500));
    sleep(Duration::from_millis(1100)).await;
    redis.start_again().await.unwrap();
    becomes(&a, true).await;
    becomes(&b, true).await;
    hears(&a, &mut at_b, "news").await;
    reads(&b, "online", &["long"]).await;
    assert_eq!(a.stats().dropped_out, 2);
}

#[tokio::test]
async fn nobody_is_held_up_while_redis_is_frozen_and_what_does_not_fit_is_counted() {
    const MESSAGES: u64 = 64 << 10;
    let (redis, world) = own().await;
    let (a, b) = (world.connected().await, world.connected().await);
    redis.pause().await;
    let since = Instant::now();
    let message = Bytes::from(vec![0; 1 << 10]);
    (0..MESSAGES).for_each(|_| a.publish(message.clone()));
    assert!(since.elapsed() < Duration::from_secs(2), "publishing took {:?}", since.elapsed());
    let dropped = a.stats().dropped_out;
    assert!(dropped > MESSAGES / 2 && dropped < MESSAGES, "{dropped} of {MESSAGES} were dropped");
    let since = Instant::now();
    assert_eq!(a.all("online").await, Err(Unavailable));
    assert!(since.elapsed() < Duration::from_secs(1), "reading took {:?}", since.elapsed());
    becomes(&a, false).await;
    redis.resume().await;
    becomes(&a, true).await;
    becomes(&b, true).await;
    // The outbox has room again, once what waited in it is sorted out.
    let mut at_b = b.subscribe();
    while timeout(Duration::from_millis(50), at_b.next()).await != Ok(Some(Bytes::from("hint"))) {
        a.publish(Bytes::from("hint"));
    }
}

#[tokio::test]
async fn user_and_password_are_those_of_the_url() {
    let (redis, world) = own().await;
    redis
        .command(&["acl", "setuser", "chat", "on", ">se@cret", "~{chatbook:*", "&{chatbook:*", "+@all"])
        .await
        .unwrap();
    redis.command(&["acl", "setuser", "default", "off"]).await.unwrap();
    let a = world.sibling(single(&format!("redis://chat:se%40cret@{}", redis.addr()))).connected().await;
    a.put("online", "a", Bytes::from("1"), MINUTE);
    reads(&a, "online", &["a"]).await;
}
