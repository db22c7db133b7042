//! The bus over Redis or Valkey. One connection carries everything (RESP3 lets a subscriber send commands too): messages
//! as PUBLISH, values as scripts, and a heartbeat that says whether it all comes through.
//!
//! `run` keeps a connection up, `place` finds out where to, `connection` opens it, `link` is its life; `outgoing` is
//! what waits to be sent, `batch` what is sent at once.

mod backoff;
mod batch;
mod connection;
mod health;
mod heartbeat;
mod link;
mod names;
mod outgoing;
mod place;
mod run;
mod values;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    bus::Unavailable,
    config::{ConfigError, Redis},
    node::Node,
    queue,
};
use names::Names;
use outgoing::{Command, Outgoing};
use place::Place;
use values::Values;

/// How much may wait to be sent, with what is on its way.
const OUTBOX_BYTES: usize = 16 << 20;
/// How long somebody who reads values waits at most.
const READ_TIMEOUT: Duration = Duration::from_millis(500);

/// A node's end of the bus; the connection behind it ends with it.
pub(crate) struct End {
    node: Arc<Node>,
    names: Arc<Names>,
    outbox: queue::Sender<Outgoing>,
}

impl End {
    pub(crate) fn start(config: &Redis, namespace: &str, node: Arc<Node>) -> Result<End, ConfigError> {
        // Tells this end from the others and spreads reconnects: nothing that a test would want to decide.
        let instance = rand::random::<u64>();
        let names = Arc::new(Names::new(namespace, instance));
        let place = Place::new(config, &names)?;
        let (outbox, outgoing) = queue::bounded(OUTBOX_BYTES);
        tokio::spawn(run::run(place, Arc::clone(&names), Arc::clone(&node), outgoing));
        Ok(End { node, names, outbox })
    }

    pub(crate) fn publish(&self, message: &Bytes) {
        self.send(Command::Publish(self.names.signed(message)));
    }

    pub(crate) fn put(&self, kind: &str, id: &str, value: Bytes, ttl: Duration) {
        self.send(Command::Put { kind: kind.to_owned(), id: id.to_owned(), value, ttl });
    }

    pub(crate) fn remove(&self, kind: &str, id: &str) {
        self.send(Command::Remove { kind: kind.to_owned(), id: id.to_owned() });
    }

    /// Reads through the same queue, so that a node reads what it has put.
    pub(crate) async fn all(&self, kind: &str) -> Result<Values, Unavailable> {
        if !self.node.is_healthy() {
            return Err(Unavailable);
        }
        let (reply, values) = oneshot::channel();
        self.send(Command::All { kind: kind.to_owned(), reply });
        timeout(READ_TIMEOUT, values).await.map_err(|_| Unavailable)?.map_err(|_| Unavailable)
    }

    fn send(&self, command: Command) {
        let outgoing = Outgoing::new(command);
        let bytes = outgoing.len();
        if self.outbox.push(outgoing, bytes).is_err() {
            self.node.count_dropped_out(1);
        }
    }
}
