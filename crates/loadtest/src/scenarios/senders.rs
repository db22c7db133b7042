//! Loops of sends: each of the slots sends its next message when the last is acknowledged, or when its moment has come.
//!
//! With a rate every message has its moment in advance, from which its latency counts, as in `deliver`: one that waits for
//! the answers to those before it is late.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use serde_json::Value;

use crate::{
    clock::{Clock, micros},
    error::Errors,
    http::Http,
    marker::{Marker, Markers},
    matrix::{self, RoomPath, User},
    report::{Meter, Metered, Report, histogram},
    world::World,
};

/// Where a slot's messages go in turn: a user and a room the user is in.
pub type Route = (Arc<User>, RoomPath);

/// What loops measured.
pub struct Tally {
    pub latencies: Histogram<u64>,
    pub errors: Errors,
    pub metered: Metered,
    /// With a rate: how many messages had their moment, and were not sent, since those before them took too long.
    pub not_sent: Option<u64>,
}

impl Tally {
    /// Joins what another run of the same loop measured.
    pub fn add(&mut self, other: Self) -> anyhow::Result<()> {
        self.latencies.add(&other.latencies)?;
        self.errors.merge(other.errors);
        self.metered.add(other.metered);
        Ok(())
    }

    pub fn report(self, scenario: &str, parameters: Value) -> Report {
        let not_sent = self.not_sent.map(|count| ("not_sent".to_owned(), count.into()));
        Report {
            scenario: scenario.to_owned(),
            parameters,
            unit: "sends",
            operations: self.latencies.len(),
            metered: self.metered,
            latencies: self.latencies,
            errors: self.errors,
            extra: not_sent.into_iter().collect(),
            violations: Vec::new(),
        }
    }
}

/// How much is sent, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Messages on their way at a time.
    pub in_flight: usize,
    /// Messages a second; without, as many as are acknowledged.
    pub rate: Option<u32>,
    pub warmup: Duration,
    pub measured: Duration,
    /// Ends it sooner; messages of the warm-up are not counted.
    pub count: Option<u64>,
}

/// Sends over a connection for each message in flight, each going through its share of the routes.
pub async fn send(world: &mut World, routes: &[Route], load: Load) -> anyhow::Result<Tally> {
    let start_us = world.clock.now_us();
    let from_us = start_us + micros(load.warmup);
    let shared = Shared {
        clock: world.clock,
        start_us,
        rate: load.rate.map(u64::from),
        from_us,
        until_us: from_us + micros(load.measured),
        routes: routes.into(),
        left: Arc::new(AtomicU64::new(load.count.unwrap_or(u64::MAX))),
        markers: world.markers(),
        content_bytes: world.options.content_bytes,
        in_flight: load.in_flight,
    };
    let slots: Vec<_> =
        (0..load.in_flight).map(|slot| tokio::spawn(run_slot(world.http(), shared.clone(), slot))).collect();
    tokio::time::sleep_until(world.clock.instant(from_us)).await;
    let meter = Meter::start(world.clock, &world.options.server_pid)?;
    let mut done = Vec::with_capacity(slots.len());
    for slot in slots {
        done.push(slot.await?);
    }
    let metered = meter.stop()?;
    let mut latencies = histogram();
    let mut errors = Errors::default();
    let mut not_sent = load.rate.map(|_| 0);
    for slot in done {
        for us in slot.latencies {
            latencies.record(us)?;
        }
        errors.merge(slot.errors);
        not_sent = not_sent.map(|all| all + slot.not_sent);
    }
    Ok(Tally { latencies, errors, metered, not_sent })
}

/// What a slot measured.
#[derive(Default)]
struct Slot {
    /// Of what was sent after the warm-up, µs.
    latencies: Vec<u64>,
    /// Every error.
    errors: Errors,
    not_sent: u64,
}

#[derive(Clone)]
struct Shared {
    clock: Clock,
    start_us: u64,
    rate: Option<u64>,
    from_us: u64,
    until_us: u64,
    routes: Arc<[Route]>,
    left: Arc<AtomicU64>,
    markers: Arc<Markers>,
    content_bytes: usize,
    in_flight: usize,
}

async fn run_slot(mut http: Http, shared: Shared, slot: usize) -> Slot {
    let mut done = Slot::default();
    // The slots together go through all routes in turn.
    for turn in (slot..).step_by(shared.in_flight) {
        let sent_us = shared.moment(turn);
        // A server that cannot keep up is not asked for longer.
        if sent_us.max(shared.clock.now_us()) >= shared.until_us {
            done.not_sent = shared.due_from(turn);
            break;
        }
        let measured = sent_us >= shared.from_us;
        if measured && !take_one(&shared.left) {
            break;
        }
        if shared.rate.is_some() {
            tokio::time::sleep_until(shared.clock.instant(sent_us)).await;
        }
        let (user, room) = &shared.routes[turn % shared.routes.len()];
        let sequence = u32::try_from(turn).unwrap_or(u32::MAX);
        let marker = Marker { sequence, sent_us };
        let content = shared.markers.content(marker, shared.content_bytes);
        let transaction = shared.markers.transaction(sequence);
        match matrix::send(&mut http, user, room, &transaction, content).await {
            Ok(()) if measured => done.latencies.push(shared.clock.now_us() - sent_us),
            Ok(()) => {}
            Err(failure) => {
                done.errors.count(failure);
                // A server that refuses at once must not make the loop spin.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    done
}

impl Shared {
    /// When message `turn` leaves, or should have left.
    fn moment(&self, turn: usize) -> u64 {
        match self.rate {
            Some(rate) => self.start_us + turn as u64 * 1_000_000 / rate.max(1),
            None => self.clock.now_us(),
        }
    }

    /// How many of message `turn` and those that its slot would send after it should have left by now.
    fn due_from(&self, turn: usize) -> u64 {
        let moments = (turn..).step_by(self.in_flight).map(|turn| self.moment(turn));
        let due = moments.take_while(|moment| *moment < self.until_us).filter(|moment| *moment >= self.from_us);
        due.take_while(|_| take_one(&self.left)).count() as u64
    }
}

fn take_one(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
}
