//! What an operator reads.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
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

/// Remembers the names of events that are not for debugging, and everything that any event says.
#[derive(Clone, Default)]
struct Log {
    names: Arc<Mutex<Vec<&'static str>>>,
    text: Arc<Mutex<String>>,
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text.lock().unwrap().push_str(&format!("{field}={value:?} "));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("bus")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() <= tracing::Level::INFO {
            self.names.lock().unwrap().push(event.metadata().name());
        }
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_loss_is_said_once_however_many_attempts_follow() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let redis = Redis::start(&[]).await.unwrap();
    let a = World::at(single(&redis.url())).connected().await;
    redis.kill().await;
    becomes(&a, false).await;
    sleep(Duration::from_millis(500)).await;
    redis.start_again().await.unwrap();
    becomes(&a, true).await;
    assert_eq!(*log.names.lock().unwrap(), ["bus.connected", "bus.lost", "bus.connected"]);
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let redis = Redis::start(&[]).await.unwrap();
    let _bus = World::at(single(&format!("redis://chat:geheim@{}", redis.addr()))).node();
    while log.names.lock().unwrap().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    let text = log.text.lock().unwrap();
    assert_eq!(*log.names.lock().unwrap(), ["bus.lost"]);
    assert!(text.contains(&redis.addr().to_string()) && text.contains("uth"), "{text}");
    assert!(!text.contains("geheim"), "{text}");
}
