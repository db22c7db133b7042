//! Everything an operator can set. A section per struct; the sections of the rules stand in `chat::config`.

mod load;
mod sections;

use serde::{Deserialize, Serialize};

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
