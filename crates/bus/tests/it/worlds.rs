//! Where the rules are tried: everything that can connect nodes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bus::{Bus, Exchange, Mode, Redis, Subscription};
use bytes::Bytes;
use tokio::{sync::OnceCell, time::timeout};

/// Long enough for a slow machine; no test waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One cluster of nodes.
pub enum World {
    InProcess(Exchange),
    Redis { config: Redis, namespace: String },
}

impl World {
    pub async fn in_process() -> World {
        World::InProcess(Exchange::new())
    }

    pub async fn redis() -> World {
        static REDIS: OnceCell<services::Redis> = OnceCell::const_new();
        let redis = REDIS.get_or_init(async || services::Redis::start(&[]).await.unwrap()).await;
        World::at(single(&redis.url()))
    }

    /// A cluster that no other world is in.
    pub fn at(config: Redis) -> World {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        World::Redis { config, namespace: format!("cluster-{}", NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// One more node, which may not be connected yet.
    pub fn node(&self) -> Bus {
        match self {
            World::InProcess(exchange) => Bus::in_process(exchange),
            World::Redis { config, namespace } => Bus::redis(config, namespace).unwrap(),
        }
    }

    /// One more node, connected.
    pub async fn connected(&self) -> Bus {
        let bus = self.node();
        becomes(&bus, true).await;
        bus
    }
}

pub fn single(url: &str) -> Redis {
    Redis { urls: vec![url.to_owned()], mode: Mode::Single, ..Redis::default() }
}

/// Waits until a bus is healthy, or is not.
pub async fn becomes(bus: &Bus, healthy: bool) {
    let mut health = bus.healthy();
    let change = timeout(PATIENCE, health.wait_for(|now| *now == healthy)).await;
    change.unwrap_or_else(|_| panic!("it does not become healthy={healthy}: {bus:?}")).unwrap();
}

/// The next message, which must come.
pub async fn next(subscription: &mut Subscription) -> Bytes {
    timeout(PATIENCE, subscription.next()).await.expect("no message arrives").expect("the bus has ended")
}

/// Whether one node hears the other.
pub async fn hears(from: &Bus, subscription: &mut Subscription, message: &'static str) {
    from.publish(Bytes::from(message));
    assert_eq!(next(subscription).await, message);
}
