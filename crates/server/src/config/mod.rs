//! Everything an operator can set. A section per struct; the sections of the rules stand in `chat::config`.

mod load;
mod sections;

use chat::config::RegistrationMode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use load::{Sources, load};
pub use sections::{Log, LogFormat, Metrics, Server, Web};

/// The annotated sample: every key with its default.
pub const SAMPLE: &str = include_str!("../../sample.toml");

/// All settings.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The sections of the binary.
    pub own: Own,
    /// The sections that the rules depend on.
    pub rules: chat::config::Config,
}

/// The sections that only the binary reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Own {
    /// Where the server listens and what it is called.
    pub server: Server,
    /// What it writes to stderr.
    pub log: Log,
    /// The embedded web client.
    pub web: Web,
    /// Prometheus metrics.
    pub metrics: Metrics,
    /// The database of a cluster.
    pub postgres: store::postgres::Config,
    /// Through what the nodes of a cluster tell each other what is new.
    pub redis: bus::Redis,
}

/// Settings that a node may have as its machine needs.
const OF_A_MACHINE: [(&str, &str); 4] = [
    ("passwords", "concurrency"),
    ("media", "thumbnails_at_once"),
    ("media", "thumbnail_memory_bytes"),
    ("websocket", "drain_ms"),
];

/// What has to be the same at all nodes of a store, by section. `private`: what `registration.mode = "auto"` goes by.
pub(crate) fn common(own: &Own, rules: &chat::config::Config, private: bool) -> Value {
    let mut all = serde_json::to_value(rules).unwrap_or_default();
    for (section, key) in OF_A_MACHINE {
        if let Some(section) = all.get_mut(section).and_then(Value::as_object_mut) {
            section.remove(key);
        }
    }
    if rules.registration.mode == RegistrationMode::Auto {
        all["registration"]["mode"] = json!(if private { "auto (open)" } else { "auto (token)" });
    }
    all["server"] = json!({ "public_url": own.server.public_url });
    all["web"] = json!({ "enabled": own.web.enabled });
    all["redis"] = json!({ "used": !own.redis.urls.is_empty() });
    all
}

impl std::ops::Deref for Settings {
    type Target = Own;

    fn deref(&self) -> &Own {
        &self.own
    }
}

impl std::ops::DerefMut for Settings {
    fn deref_mut(&mut self) -> &mut Own {
        &mut self.own
    }
}
