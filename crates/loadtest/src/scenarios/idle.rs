//! `idle`: what an authenticated WebSocket connection costs when nothing happens.

use std::time::Duration;

use serde_json::{Map, json};

use super::send::deal;
use crate::{
    error::Errors,
    matrix, process,
    receiver::WebSocket,
    report::{Meter, Report, count, histogram, round},
    world::{World, progress},
};

/// The least a client asks for; the first frame is not what is measured.
const FILTER: &str = r#"{"room":{"timeline":{"limit":1}}}"#;

pub async fn run(world: &mut World) -> anyhow::Result<Report> {
    let options = world.options.clone();
    let users = options.users.unwrap_or(500).max(1);
    let rooms = options.rooms.unwrap_or(20).clamp(1, users);
    let everyone = world.users(users).await?;
    world.rooms(&deal(&everyone, rooms)).await?;
    let positions = world.setup(users, async |http, i| matrix::position(http, &everyone[i]).await).await?;

    let pids = &options.server_pid;
    let resident = || (!pids.is_empty()).then(|| process::resident(pids)).transpose();
    let before = resident()?;
    progress(&format!("{} WebSocket connections", options.connections));
    let mut connections = world
        .setup(options.connections, async |_, i| {
            let user = i % users;
            WebSocket::open(&world.target, &everyone[user], &positions[user], FILTER).await
        })
        .await?;
    // What setting up took for a moment is given back, and is no cost of a connection.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = resident()?;
    let meter = Meter::start(world.clock, &options.server_pid)?;
    let errors = stay_idle(&mut connections, options.seconds).await;
    let metered = meter.stop()?;

    let opened = connections.len() as u64;
    let mut extra = Map::new();
    if let (Some(before), Some(after), Some(cpu)) = (before, after, metered.server_cpu()) {
        let bytes = count(after.saturating_sub(before)) / count(opened.max(1));
        extra.insert("bytes_per_connection".into(), json!(round(bytes, 0)));
        extra.insert("resident_before".into(), json!(before));
        extra.insert("resident_after".into(), json!(after));
        let share = cpu.as_secs_f64() / metered.seconds;
        extra.insert("cores_used_while_idle".into(), json!(round(share, 4)));
    }
    Ok(Report {
        scenario: "idle".to_owned(),
        parameters: json!({
            "connections": options.connections, "users": users, "rooms": rooms,
            "seconds": options.seconds,
        }),
        unit: "connections",
        operations: opened,
        metered,
        latencies: histogram(),
        errors,
        extra,
        violations: Vec::new(),
    })
}

/// Keeps all connections open, and counts those that end.
async fn stay_idle(connections: &mut [WebSocket], seconds: u32) -> Errors {
    let end = tokio::time::Instant::now() + Duration::from_secs(seconds.into());
    let ended = connections.iter_mut().map(async |connection| {
        loop {
            match tokio::time::timeout_at(end, connection.next()).await {
                Ok(Ok(_frame)) => {}
                Ok(Err(failure)) => return Some(failure),
                Err(_end) => return None,
            }
        }
    });
    let mut errors = Errors::default();
    for failure in futures_util::future::join_all(ended).await {
        failure.into_iter().for_each(|f| errors.count(f));
    }
    errors
}
