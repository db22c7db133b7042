//! `sync-idle`: `/sync?timeout=0` with nothing new, for a user in many rooms.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, json};

use crate::{
    clock::Clock,
    error::Errors,
    http::Http,
    matrix::{self, User, segment},
    report::{Meter, Report, histogram},
    world::{World, progress},
};

pub async fn run(world: &mut World) -> anyhow::Result<Report> {
    let options = world.options.clone();
    let rooms = options.rooms.unwrap_or(1000);
    let in_flight = options.in_flight.unwrap_or(4);
    let user = world.stranger().await?;
    progress(&format!("{rooms} rooms of one user"));
    world.setup(rooms, async |http, _| matrix::create_room(http, &user).await).await?;
    let since = matrix::position(&mut world.http(), &user).await?;

    let until_us = world.clock.now_us() + u64::from(options.seconds) * 1_000_000;
    let meter = Meter::start(world.clock, &options.server_pid)?;
    let loops: Vec<_> = (0..in_flight)
        .map(|_| tokio::spawn(poll(world.http(), user.clone(), since.clone(), world.clock, until_us)))
        .collect();
    let mut latencies = histogram();
    let mut errors = Errors::default();
    let mut bytes = 0;
    for one in loops {
        let polled = one.await?;
        for us in polled.latencies {
            latencies.record(us)?;
        }
        errors.merge(polled.errors);
        bytes = polled.last_bytes.max(bytes);
    }
    let metered = meter.stop()?;
    let mut extra = Map::new();
    extra.insert("body_bytes".into(), json!(bytes));
    Ok(Report {
        scenario: "sync-idle".to_owned(),
        parameters: json!({ "rooms": rooms, "in_flight": in_flight, "seconds": options.seconds }),
        unit: "requests",
        operations: latencies.len(),
        metered,
        latencies,
        errors,
        extra,
        violations: Vec::new(),
    })
}

#[derive(Default)]
struct Polled {
    /// In µs.
    latencies: Vec<u64>,
    errors: Errors,
    /// Size of the last body, to see that it was indeed empty.
    last_bytes: usize,
}

/// Goes on from the token of each answer, as a client does.
async fn poll(mut http: Http, user: Arc<User>, mut since: String, clock: Clock, until_us: u64) -> Polled {
    let mut polled = Polled::default();
    loop {
        let sent_us = clock.now_us();
        if sent_us >= until_us {
            return polled;
        }
        let query = format!("timeout=0&since={}", segment(&since));
        let answer = matrix::sync(&mut http, &user, &query).await;
        match answer.and_then(|body| Ok((body.len(), matrix::next_batch(&body)?.to_owned()))) {
            Ok((bytes, token)) => {
                polled.latencies.push(clock.now_us() - sent_us);
                polled.last_bytes = bytes;
                since = token;
            }
            Err(failure) => {
                polled.errors.count(failure);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}
