//! `fanout`: the most deliveries a second to a room of receivers.
//!
//! Senders go as fast as acknowledgements come, but only `--window` messages ahead of what was
//! delivered on average: a server is measured by what arrives, not by what it queues.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::audience::Audience;
use crate::{
    clock::Clock,
    error::Errors,
    http::Http,
    marker::{Marker, Markers},
    matrix::{self, RoomPath, User},
    options::Transport,
    receiver::Progress,
    report::{Meter, Report},
    world::World,
};

pub async fn run(world: &mut World, transport: Transport) -> anyhow::Result<Report> {
    let options = world.options.clone();
    let receivers = options.receivers.unwrap_or(1000);
    let in_flight = options.in_flight.unwrap_or(16);
    let audience = Audience::open(world, in_flight, receivers, options.window, transport).await?;

    let meter = Meter::start(world.clock, &options.server_pid)?;
    let until = world.clock.now_us() + u64::from(options.seconds) * 1_000_000;
    let next = Arc::new(AtomicU32::new(0));
    let senders: Vec<_> = audience
        .senders
        .iter()
        .map(|user| {
            let sender = Sender {
                http: world.http(),
                user: user.clone(),
                room: audience.room.clone(),
                markers: audience.markers.clone(),
                progress: audience.progress.clone(),
                next: next.clone(),
                content_bytes: options.content_bytes,
            };
            tokio::spawn(sender.run(world.clock, until))
        })
        .collect();
    let mut acknowledged = Vec::new();
    let mut errors = Errors::default();
    for sender in senders {
        let (accepted, failed) = sender.await?;
        acknowledged.extend(accepted);
        errors.merge(failed);
    }
    audience.drain(acknowledged.len()).await;
    let metered = meter.stop()?;
    let heard = audience.close(&acknowledged).await?;

    let extra = heard.extra(acknowledged.len());
    let violations = heard.violations();
    errors.merge(heard.errors);
    Ok(Report {
        scenario: format!("fanout {}", transport.name()),
        parameters: json!({
            "transport": transport.name(), "receivers": receivers, "in_flight": in_flight,
            "window": options.window, "seconds": options.seconds,
            "content_bytes": options.content_bytes,
        }),
        unit: "deliveries",
        operations: heard.deliveries,
        metered,
        latencies: heard.latencies,
        errors,
        extra,
        violations,
    })
}

struct Sender {
    http: Http,
    user: Arc<User>,
    room: RoomPath,
    markers: Arc<Markers>,
    progress: Arc<Progress>,
    next: Arc<AtomicU32>,
    content_bytes: usize,
}

impl Sender {
    /// Returns the sequence numbers that were acknowledged, and what failed.
    async fn run(mut self, clock: Clock, until_us: u64) -> (Vec<u32>, Errors) {
        let mut acknowledged = Vec::new();
        let mut errors = Errors::default();
        let end = clock.instant(until_us);
        loop {
            // Permits come back with the deliveries, and not at all when those are lost.
            let permit = tokio::time::timeout_at(end, self.progress.window.acquire()).await;
            let Ok(Ok(permit)) = permit else { break };
            permit.forget();
            let sent_us = clock.now_us();
            if sent_us >= until_us {
                break;
            }
            let sequence = self.next.fetch_add(1, Ordering::Relaxed);
            let content = self.markers.content(Marker { sequence, sent_us }, self.content_bytes);
            let transaction = self.markers.transaction(sequence);
            match matrix::send(&mut self.http, &self.user, &self.room, &transaction, content).await {
                Ok(()) => acknowledged.push(sequence),
                Err(failure) => {
                    errors.count(failure);
                    self.progress.window.add_permits(1);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
        (acknowledged, errors)
    }
}
