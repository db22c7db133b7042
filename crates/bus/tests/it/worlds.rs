//! Where the rules are tried: everything that can connect nodes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bus::{Bus, Exchange, Mode, Redis, Subscription};
use bytes::Bytes;
use tokio::{
    sync::OnceCell,
    time::{sleep, timeout},
};

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

    pub async fn sentinel() -> World {
        static SENTINEL: OnceCell<(services::Redis, services::Sentinel)> = OnceCell::const_new();
        let start = async || {
            let redis = services::Redis::start(&[]).await.unwrap();
            let sentinel = services::Sentinel::start(&redis, "chat").await.unwrap();
            (redis, sentinel)
        };
        World::at(behind(&SENTINEL.get_or_init(start).await.1))
    }

    pub async fn cluster() -> World {
        static CLUSTER: OnceCell<services::RedisCluster> = OnceCell::const_new();
        let cluster = CLUSTER.get_or_init(async || services::RedisCluster::start().await.unwrap()).await;
        World::at(of(cluster))
    }

    /// A cluster that no other world is in.
    pub fn at(config: Redis) -> World {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        World::Redis { config, namespace: format!("cluster-{}", NEXT.fetch_add(1, Ordering::Relaxed)) }
    }

    /// The same cluster, reached in another way.
    pub fn sibling(&self, config: Redis) -> World {
        let World::Redis { namespace, .. } = self else { panic!("there is one way only") };
        World::Redis { config, namespace: namespace.clone() }
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

pub fn behind(sentinel: &services::Sentinel) -> Redis {
    let urls = vec![format!("redis://{}", sentinel.addr())];
    Redis { urls, mode: Mode::Sentinel, sentinel_master: sentinel.name().to_owned() }
}

pub fn of(cluster: &services::RedisCluster) -> Redis {
    Redis { urls: cluster.urls(), mode: Mode::Cluster, ..Redis::default() }
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

/// Waits until these are the ids of a kind.
pub async fn reads(bus: &Bus, kind: &str, ids: &[&str]) {
    let wait = async {
        loop {
            let mut found: Vec<_> = bus.all(kind).await.unwrap_or_default().into_iter().map(|(id, _)| id).collect();
            found.sort();
            if found == ids {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("the values do not become {ids:?}"));
}
