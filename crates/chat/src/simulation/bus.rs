//! A model of the bus: messages come late, twice, in another order or not at all; it dies and comes back.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use store::simulation::Random;
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

/// The bus. Clones share it.
#[derive(Clone)]
pub(super) struct Bus(Arc<Mutex<Inner>>);

struct Inner {
    random: Random,
    up: bool,
    /// How many in a hundred messages are lost.
    loss: usize,
    /// The newest end of each node.
    ends: Vec<Option<End>>,
}

struct End {
    messages: mpsc::UnboundedSender<Bytes>,
    healthy: watch::Sender<bool>,
}

impl Bus {
    pub(super) fn new(nodes: usize, loss: usize, random: Random) -> Self {
        let ends = (0..nodes).map(|_| None).collect();
        Self(Arc::new(Mutex::new(Inner { random, up: true, loss, ends })))
    }

    /// What a node that starts hears, and whether that can be relied on.
    pub(super) fn join(&self, node: usize) -> (mpsc::UnboundedReceiver<Bytes>, watch::Receiver<bool>) {
        let mut inner = self.0.lock();
        let (messages, inbox) = mpsc::unbounded_channel();
        let (healthy, hints) = watch::channel(inner.up);
        inner.ends[node] = Some(End { messages, healthy });
        (inbox, hints)
    }

    /// Tells the other nodes, perhaps.
    pub(super) fn publish(&self, from: usize, message: &Bytes) {
        let mut inner = self.0.lock();
        if !inner.up {
            return;
        }
        let Inner { random, loss, ends, .. } = &mut *inner;
        let others = ends.iter().enumerate().filter(|(node, _)| *node != from);
        for end in others.filter_map(|(_, end)| end.as_ref()) {
            let copies = if random.chance(*loss) { 0 } else { 1 + usize::from(random.chance(8)) };
            for _ in 0..copies {
                let (delay, messages, message) = (random.delay(25, 400), end.messages.clone(), message.clone());
                tokio::spawn(async move {
                    sleep(delay).await;
                    // Whoever was killed meanwhile does not hear it.
                    messages.send(message).ok();
                });
            }
        }
    }

    /// Dies or comes back; each node notices some time later.
    pub(super) async fn set_up(&self, up: bool, noticed: Duration) {
        self.0.lock().up = up;
        sleep(noticed).await;
        for end in self.0.lock().ends.iter().flatten() {
            end.healthy.send_replace(up);
        }
    }
}
