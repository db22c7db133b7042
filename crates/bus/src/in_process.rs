//! The bus inside one process: the same contract without Redis, for tests with several nodes.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{bus::Unavailable, node::Node};

/// What the nodes of one process meet at, in the place of Redis. Clones share it.
#[derive(Clone, Default)]
pub struct Exchange {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    nodes: Vec<Weak<Node>>,
    values: HashMap<(String, String), Value>,
    down: bool,
}

struct Value {
    bytes: Bytes,
    expires: Instant,
}

impl Exchange {
    /// One that nobody has joined.
    #[must_use]
    pub fn new() -> Exchange {
        Exchange::default()
    }

    /// Behaves as if Redis had died: every end becomes unhealthy, messages are dropped, values are forgotten.
    pub fn go_down(&self) {
        self.set_down(true);
    }

    /// Ends [`Exchange::go_down`].
    pub fn come_back(&self) {
        self.set_down(false);
    }

    pub(crate) fn join(&self, node: &Arc<Node>) -> End {
        let mut inner = self.inner.lock();
        inner.nodes.push(Arc::downgrade(node));
        node.set_healthy(!inner.down);
        End { exchange: self.clone(), node: Arc::clone(node) }
    }

    fn set_down(&self, down: bool) {
        let mut inner = self.inner.lock();
        if down {
            inner.values.clear();
        }
        for node in inner.living_nodes() {
            if inner.down && !down {
                node.count_reconnect();
            }
            node.set_healthy(!down);
        }
        inner.down = down;
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("down", &self.inner.lock().down).finish_non_exhaustive()
    }
}

impl Inner {
    fn living_nodes(&mut self) -> Vec<Arc<Node>> {
        self.nodes.retain(|node| node.strong_count() > 0);
        self.nodes.iter().filter_map(Weak::upgrade).collect()
    }
}

/// A node's end of an exchange.
pub(crate) struct End {
    exchange: Exchange,
    node: Arc<Node>,
}

impl End {
    pub(crate) fn publish(&self, message: &Bytes) {
        let mut inner = self.exchange.inner.lock();
        if inner.down {
            return self.node.count_dropped_out(1);
        }
        for other in inner.living_nodes().iter().filter(|other| !Arc::ptr_eq(other, &self.node)) {
            other.deliver(message.clone());
        }
        self.node.count_published(1);
    }

    pub(crate) fn put(&self, kind: &str, id: &str, bytes: Bytes, ttl: Duration) {
        let mut inner = self.exchange.inner.lock();
        if inner.down {
            return self.node.count_dropped_out(1);
        }
        inner.values.insert((kind.to_owned(), id.to_owned()), Value { bytes, expires: Instant::now() + ttl });
    }

    pub(crate) fn remove(&self, kind: &str, id: &str) {
        self.exchange.inner.lock().values.remove(&(kind.to_owned(), id.to_owned()));
    }

    pub(crate) fn all(&self, kind: &str) -> Result<Vec<(String, Bytes)>, Unavailable> {
        let mut inner = self.exchange.inner.lock();
        if inner.down {
            return Err(Unavailable);
        }
        let now = Instant::now();
        inner.values.retain(|_, value| value.expires > now);
        let of_kind = inner.values.iter().filter(|((of, _), _)| of == kind);
        Ok(of_kind.map(|((_, id), value)| (id.clone(), value.bytes.clone())).collect())
    }
}
