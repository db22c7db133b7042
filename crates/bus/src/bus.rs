//! The bus as its users see it: one interface, whichever way the messages go.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::watch;

use crate::{
    config::{ConfigError, Redis},
    in_process::{self, Exchange},
    node::{Node, Stats, Subscription},
    remote,
};

/// A node's end of the bus. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub struct Bus {
    node: Arc<Node>,
    end: Arc<End>,
}

/// The values kept on the bus cannot be read right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bus does not answer")]
pub struct Unavailable;

enum End {
    InProcess(in_process::End),
    Remote(remote::End),
}

impl Bus {
    /// One end of an exchange inside this process (for tests: several nodes in one process).
    #[must_use]
    pub fn in_process(exchange: &Exchange) -> Bus {
        let node = Arc::new(Node::new());
        let end = End::InProcess(exchange.join(&node));
        Bus { node, end: Arc::new(end) }
    }

    /// An end at Redis or Valkey, which is connected to in the background and for ever, within the runtime that this is
    /// called in. `namespace` is what the nodes of a cluster have in common: others at the same Redis are not heard.
    ///
    /// # Errors
    /// If the configuration cannot work, whatever runs. That Redis is away is no error.
    pub fn redis(config: &Redis, namespace: &str) -> Result<Bus, ConfigError> {
        let node = Arc::new(Node::new());
        let end = End::Remote(remote::End::start(config, namespace, Arc::clone(&node))?);
        Ok(Bus { node, end: Arc::new(end) })
    }

    /// Tells all other nodes. Never blocks: what does not fit into 16 MiB of waiting messages is dropped and counted, and
    /// so is what could not be sent for a second (the others have found out without it).
    pub fn publish(&self, message: Bytes) {
        match &*self.end {
            End::InProcess(end) => end.publish(&message),
            End::Remote(end) => end.publish(&message),
        }
    }

    /// The messages of the other nodes from now on. There is one receiver: an earlier one ends.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.node.subscribe()
    }

    /// Whether messages are known to go through right now.
    #[must_use]
    pub fn healthy(&self) -> watch::Receiver<bool> {
        self.node.healthy()
    }

    /// What keeps messages from going through, or did last; empty if nothing has yet. Names no password.
    #[must_use]
    pub fn trouble(&self) -> String {
        self.node.trouble()
    }

    /// Keeps a small value for `ttl`, for all nodes to read (such as who is online at a node). It may get lost at any
    /// time, so put it again well before `ttl` has passed. Like `publish` it does not wait and does not fail.
    pub fn put(&self, kind: &str, id: &str, value: Bytes, ttl: Duration) {
        match &*self.end {
            End::InProcess(end) => end.put(kind, id, value, ttl),
            End::Remote(end) => end.put(kind, id, value, ttl),
        }
    }

    /// Removes a value before its time.
    pub fn remove(&self, kind: &str, id: &str) {
        match &*self.end {
            End::InProcess(end) => end.remove(kind, id),
            End::Remote(end) => end.remove(kind, id),
        }
    }

    /// All values of a kind that have not expired, with their ids, in no order. Includes what this node has put before.
    ///
    /// # Errors
    /// If the bus is not healthy, or does not answer within half a second.
    pub async fn all(&self, kind: &str) -> Result<Vec<(String, Bytes)>, Unavailable> {
        match &*self.end {
            End::InProcess(end) => end.all(kind),
            End::Remote(end) => end.all(kind).await,
        }
    }

    /// What has gone through so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.node.stats()
    }
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
