//! What an end of the bus is for its own node, however its messages travel: a receiver, a health, and counters.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::queue;

/// How much may wait for the receiver.
const INBOX_BYTES: usize = 16 << 20;

/// What has gone through an end of the bus since it was made, and how it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages that were handed to the others, or to Redis for them.
    pub published: u64,
    /// Messages of others that arrived.
    pub received: u64,
    /// What was not sent: messages that did not fit, grew too old or were on their way when a connection broke, and
    /// values that had the same fate.
    pub dropped_out: u64,
    /// Messages of others that arrived and did not fit into the queue of the receiver.
    pub dropped_in: u64,
    /// Connections that were made after the first one.
    pub reconnects: u64,
    /// Whether messages are known to go through right now.
    pub healthy: bool,
    /// How long the newest heartbeat took to Redis and back (0 before the first, and inside one process).
    pub round_trip_us: u64,
}

/// The messages of the other nodes.
pub struct Subscription {
    inbox: queue::Receiver<Bytes>,
}

impl Subscription {
    /// The next message; `None` when the bus has ended, or another subscription has taken this one's place. Nothing is
    /// lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.inbox.next().await.map(|held| held.item)
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}

/// The part of an end that both implementations share.
pub(crate) struct Node {
    inbox: Mutex<Option<queue::Sender<Bytes>>>,
    healthy: watch::Sender<bool>,
    trouble: Mutex<String>,
    published: AtomicU64,
    received: AtomicU64,
    dropped_out: AtomicU64,
    dropped_in: AtomicU64,
    reconnects: AtomicU64,
    round_trip_us: AtomicU64,
}

impl Node {
    /// Of an end through which nothing goes yet.
    pub(crate) fn new() -> Node {
        Node {
            inbox: Mutex::new(None),
            healthy: watch::Sender::new(false),
            trouble: Mutex::default(),
            published: AtomicU64::default(),
            received: AtomicU64::default(),
            dropped_out: AtomicU64::default(),
            dropped_in: AtomicU64::default(),
            reconnects: AtomicU64::default(),
            round_trip_us: AtomicU64::default(),
        }
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        let (sender, inbox) = queue::bounded(INBOX_BYTES);
        *self.inbox.lock() = Some(sender);
        Subscription { inbox }
    }

    /// A message of another node has arrived. Without a receiver it goes nowhere.
    pub(crate) fn deliver(&self, message: Bytes) {
        self.received.fetch_add(1, Relaxed);
        let bytes = message.len();
        if let Some(inbox) = &*self.inbox.lock()
            && inbox.push(message, bytes).is_err()
        {
            self.dropped_in.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn healthy(&self) -> watch::Receiver<bool> {
        self.healthy.subscribe()
    }

    pub(crate) fn is_healthy(&self) -> bool {
        *self.healthy.borrow()
    }

    pub(crate) fn set_healthy(&self, healthy: bool) {
        self.healthy.send_if_modified(|now| std::mem::replace(now, healthy) != healthy);
    }

    /// What keeps messages from going through, or did last.
    pub(crate) fn trouble(&self) -> String {
        self.trouble.lock().clone()
    }

    pub(crate) fn set_trouble(&self, reason: &str) {
        reason.clone_into(&mut self.trouble.lock());
    }

    pub(crate) fn count_published(&self, messages: u64) {
        self.published.fetch_add(messages, Relaxed);
    }

    pub(crate) fn count_dropped_out(&self, messages: u64) {
        self.dropped_out.fetch_add(messages, Relaxed);
    }

    pub(crate) fn count_reconnect(&self) {
        self.reconnects.fetch_add(1, Relaxed);
    }

    pub(crate) fn set_round_trip(&self, took: Duration) {
        self.round_trip_us.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            published: self.published.load(Relaxed),
            received: self.received.load(Relaxed),
            dropped_out: self.dropped_out.load(Relaxed),
            dropped_in: self.dropped_in.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
            healthy: self.is_healthy(),
            round_trip_us: self.round_trip_us.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_receiver_that_does_not_keep_up_loses_messages_and_they_are_counted() {
        let node = Node::new();
        let mut subscription = node.subscribe();
        let message = Bytes::from(vec![0; INBOX_BYTES / 4]);
        for _ in 0..5 {
            node.deliver(message.clone());
        }
        assert_eq!((node.stats().received, node.stats().dropped_in), (5, 2));
        assert_eq!(subscription.next().await, Some(message.clone()));
        node.deliver(message);
        assert_eq!(node.stats().dropped_in, 2, "there is room again");
    }
}
