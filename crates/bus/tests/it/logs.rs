//! What an operator reads.

use std::{
    fmt::{Debug, Write as _},
    net::SocketAddr,
    sync::{Mutex, Once},
    time::Duration,
};

use services::Redis;
use tokio::time::sleep;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use crate::worlds::{World, becomes, single};

/// Every event that is not for debugging: its name, and what it says.
static LOG: Mutex<Vec<(&str, String)>> = Mutex::new(Vec::new());

/// What was logged about a server. All tests log into one place, since tracing knows one place per process well.
fn about(server: SocketAddr) -> Vec<(&'static str, String)> {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
    let server = server.to_string();
    LOG.lock().unwrap().iter().filter(|(_, text)| text.contains(&server)).cloned().collect()
}

struct Log;

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bus") && *metadata.level() <= tracing::Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        LOG.lock().unwrap().push((event.metadata().name(), text.0));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_loss_is_said_once_however_many_attempts_follow() {
    let redis = Redis::start(&[]).await.unwrap();
    assert_eq!(about(redis.addr()), []);
    let a = World::at(single(&redis.url())).connected().await;
    redis.kill().await;
    becomes(&a, false).await;
    sleep(Duration::from_millis(500)).await;
    redis.start_again().await.unwrap();
    becomes(&a, true).await;
    // Health is told to the node first, and then to the log.
    while about(redis.addr()).len() < 3 {
        sleep(Duration::from_millis(5)).await;
    }
    let names: Vec<_> = about(redis.addr()).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["bus.connected", "bus.lost", "bus.connected"]);
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let redis = Redis::start(&[]).await.unwrap();
    assert_eq!(about(redis.addr()), []);
    let _bus = World::at(single(&format!("redis://chat:geheim@{}", redis.addr()))).node();
    while about(redis.addr()).is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    let said = about(redis.addr());
    assert_eq!(said.len(), 1);
    let (name, text) = &said[0];
    assert_eq!(*name, "bus.lost");
    assert!(text.contains("WRONGPASS"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}
