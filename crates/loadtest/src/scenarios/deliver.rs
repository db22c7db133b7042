//! `deliver`: a fixed rate of messages to a room of receivers.
//!
//! The loop is open: every message has its time in advance, latencies count from that time, and a
//! message that has to wait for a slow server is late. So a stall is seen by each message that it
//! delayed, and not only by one (no coordinated omission).

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::audience::Audience;
use crate::{
    clock::{Clock, micros},
    error::Errors,
    http::Http,
    marker::{Marker, Markers},
    matrix::{self, RoomPath, User},
    options::Transport,
    report::{Meter, Report},
    world::World,
};

/// Between opening the connections and the first message.
const LEAD: Duration = Duration::from_millis(200);

pub async fn run(world: &mut World, transport: Transport) -> anyhow::Result<Report> {
    let options = world.options.clone();
    let (receivers, rate) = match transport {
        Transport::Ws => (100, 100),
        Transport::Sync => (500, 20),
    };
    let receivers = options.receivers.unwrap_or(receivers);
    let rate = options.rate.unwrap_or(rate).max(1);
    let senders = options.users.unwrap_or(10);
    let audience = Audience::open(world, senders, receivers, 0, transport).await?;

    let schedule = Schedule {
        clock: world.clock,
        start_us: world.clock.now_us() + micros(LEAD),
        interval_us: 1_000_000 / u64::from(rate),
        messages: rate * options.seconds,
        step: senders,
    };
    let meter = Meter::start(world.clock, &options.server_pid)?;
    let senders: Vec<_> = (0..)
        .zip(&audience.senders)
        .map(|(first, user)| {
            let sender = Sender {
                http: world.http(),
                user: user.clone(),
                room: audience.room.clone(),
                markers: audience.markers.clone(),
                content_bytes: options.content_bytes,
            };
            tokio::spawn(sender.run(first, schedule))
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
        scenario: format!("deliver {}", transport.name()),
        parameters: json!({
            "transport": transport.name(), "receivers": receivers, "rate": rate,
            "senders": schedule.step, "seconds": options.seconds,
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

/// Message i leaves at `start + i * interval`, by sender `i % step`.
#[derive(Clone, Copy)]
struct Schedule {
    clock: Clock,
    start_us: u64,
    interval_us: u64,
    messages: u32,
    step: usize,
}

struct Sender {
    http: Http,
    user: Arc<User>,
    room: RoomPath,
    markers: Arc<Markers>,
    content_bytes: usize,
}

impl Sender {
    /// Returns the sequence numbers that were acknowledged, and what failed.
    async fn run(mut self, first: u32, schedule: Schedule) -> (Vec<u32>, Errors) {
        let mut acknowledged = Vec::new();
        let mut errors = Errors::default();
        for sequence in (first..schedule.messages).step_by(schedule.step) {
            let sent_us = schedule.start_us + u64::from(sequence) * schedule.interval_us;
            tokio::time::sleep_until(schedule.clock.instant(sent_us)).await;
            let content = self.markers.content(Marker { sequence, sent_us }, self.content_bytes);
            let transaction = self.markers.transaction(sequence);
            match matrix::send(&mut self.http, &self.user, &self.room, &transaction, content).await {
                Ok(()) => acknowledged.push(sequence),
                Err(failure) => errors.count(failure),
            }
        }
        (acknowledged, errors)
    }
}
