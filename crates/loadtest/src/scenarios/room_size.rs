//! `room-size`: what a send costs in a large room against a room of 10, with nobody connected.

use std::time::Duration;

use serde_json::{Map, json};

use super::senders::{Load, Route, Tally, send};
use crate::{
    matrix::RoomPath,
    report::{Report, count, ms, per_operation_us, round},
    world::World,
};

const SMALL: usize = 10;
/// The rooms take turns, so that a machine that gets slower or faster does so for both.
const TURNS: u32 = 4;

pub async fn run(world: &mut World) -> anyhow::Result<Report> {
    let options = world.options.clone();
    let in_flight = options.in_flight.unwrap_or(16);
    let members = options.members.max(SMALL);
    let users = world.users(members).await?;
    let rooms = world.rooms(&[users[..SMALL].to_vec(), users.clone()]).await?;
    // The same ten people write in both.
    let routes: Vec<Vec<Route>> = rooms
        .iter()
        .map(|room| {
            let room = RoomPath::new(room);
            users[..SMALL].iter().map(|user| (user.clone(), room.clone())).collect()
        })
        .collect();
    let mut load = Load {
        in_flight,
        rate: None,
        warmup: Duration::from_secs(options.warmup_seconds.into()),
        measured: Duration::from_secs(options.seconds.into()) / TURNS,
        count: None,
    };
    let mut small = send(world, &routes[0], load).await?;
    let mut large = send(world, &routes[1], load).await?;
    load.warmup = Duration::from_millis(100);
    for _ in 1..TURNS {
        small.add(send(world, &routes[0], load).await?)?;
        large.add(send(world, &routes[1], load).await?)?;
    }

    let extra = compare(&small, &large);
    let parameters = json!({
        "small": SMALL, "members": members, "in_flight": in_flight, "seconds": options.seconds,
        "content_bytes": options.content_bytes,
    });
    let mut report = large.report("room-size", parameters);
    report.errors.merge(small.errors);
    report.extra = extra;
    Ok(report)
}

/// The small room's figures, and the large room's as multiples of them.
fn compare(small: &Tally, large: &Tally) -> Map<String, serde_json::Value> {
    let p50 = |tally: &Tally| ms(tally.latencies.value_at_quantile(0.5));
    let ratio = |large: f64, small: f64| json!(round(large / small.max(1e-6), 2));
    let mut extra = Map::new();
    extra.insert("small_room_sends".into(), json!(small.latencies.len()));
    extra.insert("small_room_p50_ms".into(), json!(p50(small)));
    extra.insert("p50_ratio".into(), ratio(p50(large), p50(small)));
    let rate = |tally: &Tally| count(tally.latencies.len()) / tally.metered.seconds;
    extra.insert("time_per_send_ratio".into(), ratio(rate(small), rate(large)));
    let cpu = |tally: &Tally| tally.metered.server_cpu().map(|cpu| per_operation_us(cpu, tally.latencies.len()));
    if let (Some(small), Some(large)) = (cpu(small), cpu(large)) {
        extra.insert("small_room_server_cpu_us".into(), json!(small));
        extra.insert("server_cpu_ratio".into(), ratio(large, small));
    }
    extra
}
