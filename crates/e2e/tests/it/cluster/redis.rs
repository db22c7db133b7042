//! Redis dies, freezes, forgets and comes back: messages between nodes take a little longer meanwhile, and nothing else.

use std::time::{Duration, Instant};

use e2e::{Stream, User};
use services::Redis;

use super::{Nodes, texts};

/// How long each of some messages takes from one node to a stream at another, in milliseconds, sorted. Each must arrive
/// once and in order.
async fn deliver(nodes: &Nodes, alice: &User, stream: &mut Stream, room: &str, phase: &str, count: usize) -> Vec<u64> {
    let mut times = Vec::with_capacity(count);
    for n in 0..count {
        let text = format!("{phase}.{n}");
        let begun = Instant::now();
        nodes.at(0).say(alice, room, &text).await;
        let arrives = async {
            loop {
                let frame = stream.next().await.expect("it goes on").expect("open");
                let arrived = texts(&frame, room);
                if !arrived.is_empty() {
                    return arrived;
                }
            }
        };
        let arrived = tokio::time::timeout(Duration::from_secs(10), arrives).await.expect("it arrives");
        assert_eq!(arrived, [text]);
        times.push(begun.elapsed().as_millis() as u64);
    }
    times.sort_unstable();
    times
}

fn p99(times: &[u64]) -> u64 {
    times[(times.len() * 99).div_ceil(100) - 1]
}

/// `CHATBOOK_REDIS_MESSAGES` sets how many messages there are in each phase (60).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the person who runs the tests decides")]
async fn without_redis_messages_between_nodes_take_a_quarter_of_a_second_at_most() {
    let count = std::env::var("CHATBOOK_REDIS_MESSAGES").map_or(60, |text| text.parse().expect("a number"));
    let redis = Redis::start(&[]).await.expect("Redis starts");
    let nodes = Nodes::with(2, Some(redis.url())).await;
    let (alice, bob) = (nodes.at(0).register("alice").await, nodes.at(1).register("bob").await);
    let room = nodes.at(0).public_room(&alice, &[&bob]).await;
    let mut stream = nodes.at(1).stream(&bob, "set_presence=offline").await.expect("open");
    stream.next().await.expect("it sends").expect("the first frame");
    let mut phases = Vec::new();
    phases.push(("with Redis", deliver(&nodes, &alice, &mut stream, &room, "with", count).await));
    redis.kill().await;
    phases.push(("Redis killed", deliver(&nodes, &alice, &mut stream, &room, "killed", count).await));
    redis.start_again().await.expect("Redis starts again");
    back(&nodes, &alice, &mut stream, &room, "restarting").await;
    phases.push(("Redis back", deliver(&nodes, &alice, &mut stream, &room, "back", count).await));
    redis.flush().await.expect("Redis forgets");
    phases.push(("Redis flushed", deliver(&nodes, &alice, &mut stream, &room, "flushed", count).await));
    redis.pause().await;
    // Until it is noticed, a look at the heads is all there is.
    let unnoticed = deliver(&nodes, &alice, &mut stream, &room, "freezing", 1).await;
    assert!(unnoticed[0] < 1500, "{unnoticed:?}");
    phases.push(("Redis frozen", deliver(&nodes, &alice, &mut stream, &room, "frozen", count).await));
    redis.resume().await;
    back(&nodes, &alice, &mut stream, &room, "thawing").await;
    phases.push(("Redis thawed", deliver(&nodes, &alice, &mut stream, &room, "thawed", count).await));
    let p50 = |phase: usize| phases[phase].1[count / 2];
    let line = |(phase, times): &(&str, Vec<u64>)| {
        format!("{phase}: {count} messages, p50 {} ms, p99 {} ms\n", times[times.len() / 2], p99(times))
    };
    let figures: String = phases.iter().map(line).collect();
    println!("{figures}");
    assert!(phases.iter().all(|(_, times)| p99(times) < 250), "{figures}");
    assert!(p50(2) < p50(1) && p50(5) < p50(4), "hints do not come again by themselves\n{figures}");
}

/// Waits until messages are as quick as with Redis.
async fn back(nodes: &Nodes, alice: &User, stream: &mut Stream, room: &str, phase: &str) {
    const QUICK_MS: u64 = 40;
    let begun = Instant::now();
    for n in 0.. {
        let times = deliver(nodes, alice, stream, room, &format!("{phase}{n}"), 5).await;
        if times.iter().all(|ms| *ms < QUICK_MS) {
            println!("{phase}: {} ms until hints came again", begun.elapsed().as_millis());
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{phase}: hints do not come again: {times:?} ms");
    }
}
