//! A room full of receivers: opened before a measurement, collected and verified after it.

use std::{sync::Arc, time::Duration};

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    error::Errors,
    marker::Markers,
    matrix::{self, RoomPath, User},
    options::Transport,
    receiver::{Log, Progress, Shared, Stream},
    report::histogram,
    verify::{Verdict, verify},
    world::{World, progress},
};

/// How long the last deliveries may take once everything is sent.
const DRAIN: Duration = Duration::from_secs(10);
/// How long to listen for copies that nobody asked for.
const GRACE: Duration = Duration::from_millis(500);

pub struct Audience {
    pub room: RoomPath,
    pub senders: Vec<Arc<User>>,
    pub markers: Arc<Markers>,
    pub progress: Arc<Progress>,
    receivers: Vec<JoinHandle<Log>>,
    stop: watch::Sender<bool>,
}

impl Audience {
    /// Makes the room and opens a stream for each receiver.
    pub async fn open(
        world: &mut World,
        senders: usize,
        receivers: usize,
        window: usize,
        transport: Transport,
    ) -> anyhow::Result<Self> {
        let users = world.users(senders + receivers).await?;
        let room = &world.rooms(std::slice::from_ref(&users)).await?[0];
        let (stop, stopped) = watch::channel(false);
        let shared = Shared {
            clock: world.clock,
            markers: world.markers(),
            progress: Arc::new(Progress::new(receivers, window)),
            stop: stopped,
        };
        progress(&format!("{receivers} receivers on {}", transport.name()));
        let (senders, listeners) = users.split_at(senders);
        let streams = world
            .setup(receivers, async |http, i| {
                let user = &listeners[i];
                let since = matrix::position(http, user).await?;
                Stream::open(world.target.clone(), transport, user.clone(), since).await
            })
            .await?;
        let receivers = streams.into_iter().map(|stream| tokio::spawn(stream.receive(shared.clone()))).collect();
        // Long-polls are only sent by now: let the server park them.
        tokio::time::sleep(GRACE).await;
        Ok(Self {
            room: RoomPath::new(room),
            senders: senders.to_vec(),
            markers: shared.markers,
            progress: shared.progress,
            receivers,
            stop,
        })
    }

    /// Waits until all of these messages should be everywhere, or clearly never will.
    pub async fn drain(&self, acknowledged: usize) {
        let wanted = (acknowledged * self.receivers.len()) as u64;
        let step = Duration::from_millis(5);
        let mut idle = Duration::ZERO;
        let mut seen = 0;
        while self.progress.delivered() < wanted && idle < DRAIN {
            tokio::time::sleep(step).await;
            let now = self.progress.delivered();
            idle = if now > seen { Duration::ZERO } else { idle + step };
            seen = now;
        }
    }

    /// Stops the receivers and judges what they saw.
    pub async fn close(self, acknowledged: &[u32]) -> anyhow::Result<Heard> {
        tokio::time::sleep(GRACE).await;
        self.stop.send_replace(true);
        let mut heard = Heard {
            deliveries: 0,
            limited: 0,
            latencies: histogram(),
            errors: Errors::default(),
            verdict: Verdict::default(),
        };
        let mut orders = Vec::with_capacity(self.receivers.len());
        for receiver in self.receivers {
            let log = receiver.await?;
            heard.deliveries += log.deliveries.len() as u64;
            heard.limited += log.limited;
            for delivery in &log.deliveries {
                heard.latencies.record(delivery.latency_us.into())?;
            }
            orders.push(log.deliveries.iter().map(|d| d.sequence).collect());
            if let Some(failure) = log.failure {
                heard.errors.count(failure);
            }
        }
        heard.verdict = verify(acknowledged, &orders);
        Ok(heard)
    }
}

/// What the receivers saw, all together.
pub struct Heard {
    pub deliveries: u64,
    pub limited: u64,
    /// From before the send to the receiver, in µs.
    pub latencies: Histogram<u64>,
    pub errors: Errors,
    pub verdict: Verdict,
}

impl Heard {
    pub fn extra(&self, acknowledged: usize) -> Map<String, Value> {
        let mut extra = Map::new();
        extra.insert("messages_acknowledged".into(), json!(acknowledged));
        extra.insert("verdict".into(), json!(self.verdict));
        extra.insert("limited_frames".into(), json!(self.limited));
        extra
    }

    pub fn violations(&self) -> Vec<String> {
        if self.verdict.passed() {
            return Vec::new();
        }
        let Verdict { lost, doubled, reordered } = self.verdict;
        vec![format!("{lost} deliveries lost, {doubled} doubled, {reordered} out of order")]
    }
}
