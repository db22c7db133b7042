//! The life of one connection: it sends what waits, beats, and ends when something is wrong.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use redis::{ConnectionInfo, aio::MultiplexedConnection};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout},
};

use super::{
    batch::{self, Batch, Outcome},
    connection::{self, Listening},
    health::Health,
    heartbeat::{self, Heartbeat, Pulse},
    names::Names,
    outgoing::Outgoing,
    place::{Found, Place},
};
use crate::{
    node::Node,
    queue::{self, Held},
};

/// How many commands are sent at once at most.
const BATCH: usize = 512;
/// How many batches may be on their way; meanwhile the next one grows.
const IN_FLIGHT: usize = 16;
/// How often sentinels and clusters are asked whether another server counts by now.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The least between two such questions.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// How long the last messages have when the bus ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a connection's life is over.
pub(super) enum End {
    /// Nobody uses the bus any more.
    Finished,
    /// It is of no use; `was_up` says whether it ever was.
    Broken { reason: String, was_up: bool },
}

/// A connection in use.
pub(super) struct Link {
    server: ConnectionInfo,
    connection: MultiplexedConnection,
    echoes: mpsc::Receiver<u64>,
    names: Arc<Names>,
    node: Arc<Node>,
    heartbeat: Heartbeat,
    /// Polled in the order they were put in, so what waits first is sent first.
    in_flight: FuturesUnordered<BoxFuture<'static, Result<Outcome, String>>>,
    /// Said when the server is not the one that counts.
    misplaced: Arc<Notify>,
    was_up: bool,
}

impl Link {
    pub(super) fn new(server: ConnectionInfo, listening: Listening, names: Arc<Names>, node: Arc<Node>) -> Link {
        let Listening { connection, echoes } = listening;
        let (heartbeat, in_flight, misplaced) = (Heartbeat::default(), FuturesUnordered::new(), Arc::default());
        Link { server, connection, echoes, names, node, heartbeat, in_flight, misplaced, was_up: false }
    }

    /// Uses the connection until it ends.
    pub(super) async fn serve(
        &mut self,
        place: &Place,
        outgoing: &mut queue::Receiver<Outgoing>,
        health: &mut Health,
    ) -> End {
        match self.use_up(place, outgoing, health).await {
            Ok(()) => End::Finished,
            Err(reason) => End::Broken { reason: format!("{}: {reason}", self.server.addr()), was_up: self.was_up },
        }
    }

    async fn use_up(
        &mut self,
        place: &Place,
        outgoing: &mut queue::Receiver<Outgoing>,
        health: &mut Health,
    ) -> Result<(), String> {
        let mut beats = interval(heartbeat::EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut elsewhere = Box::pin(elsewhere(place, self.server.clone(), Arc::clone(&self.misplaced)));
        let mut waiting = Vec::new();
        loop {
            // Each time, since whatever else happens at the moment of the deadline may be served first.
            self.take_pulse(health)?;
            tokio::select! {
                _ = beats.tick() => self.beat(),
                () = until(self.heartbeat.deadline(Instant::now())) => {}
                echo = self.echoes.recv() => self.came_back(echo, health)?,
                Some(outcome) = self.in_flight.next() => if outcome? == Outcome::NotHere {
                    self.misplaced.notify_one();
                },
                taken = outgoing.take(&mut waiting, BATCH), if self.in_flight.len() < IN_FLIGHT => match taken {
                    0 => return self.finish().await,
                    _ => self.send(waiting.drain(..)),
                },
                reason = &mut elsewhere => return Err(reason),
            }
        }
    }

    fn send(&self, waiting: impl Iterator<Item = Held<Outgoing>>) {
        let batch = Batch::new(waiting, &self.names, &self.node);
        self.in_flight.push(batch.send(self.connection.clone(), Arc::clone(&self.node)).boxed());
    }

    fn beat(&mut self) {
        let number = self.heartbeat.beat(Instant::now());
        let ping = batch::publish(&self.names.heartbeat, &number.to_be_bytes());
        let mut connection = self.connection.clone();
        let ping = async move {
            let sent = ping.exec_async(&mut connection).await;
            sent.map(|()| Outcome::Done).map_err(|error| error.to_string())
        };
        self.in_flight.push(ping.boxed());
    }

    fn came_back(&mut self, echo: Option<u64>, health: &mut Health) -> Result<(), String> {
        let number = echo.ok_or("the connection broke")?;
        let now = Instant::now();
        if let Some(took) = self.heartbeat.came_back(number, now) {
            self.node.set_round_trip(took);
        }
        if self.heartbeat.pulse(now) == Pulse::Regular {
            self.was_up = true;
            health.up(&self.server);
        }
        Ok(())
    }

    fn take_pulse(&self, health: &mut Health) -> Result<(), String> {
        match self.heartbeat.pulse(Instant::now()) {
            Pulse::Regular => {}
            Pulse::Late => health.down(&format!("{}: a heartbeat is late", self.server.addr())),
            Pulse::Hopeless => return Err("no heartbeat comes back".to_owned()),
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), String> {
        let rest = async { while self.in_flight.next().await.is_some() {} };
        timeout(LAST_WORDS, rest).await.ok();
        Ok(())
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Ends when another server is the one to connect to, and lets us in.
async fn elsewhere(place: &Place, here: ConnectionInfo, misplaced: Arc<Notify>) -> String {
    if place.is_fixed() {
        std::future::pending::<()>().await;
    }
    loop {
        timeout(LOOK_AGAIN, misplaced.notified()).await.ok();
        // While nobody can be asked, here is as good as anywhere.
        if let Ok(Found { best, .. }) = place.find().await
            && best.addr() != here.addr()
            && connection::ask(best.clone()).await.is_ok()
        {
            return format!("{} is the one to connect to", best.addr());
        }
        sleep(LOOK_PAUSE).await;
    }
}
