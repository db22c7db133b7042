//! Everything an operator can set. A section per struct; the sections of the rules stand in `chat::config`.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

/// All settings.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where the server listens and what it is called.
    pub server: Server,
    /// The sections that the rules depend on.
    pub rules: chat::config::Config,
}

/// Where the server listens and what it is called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The directory that holds everything the server keeps.
    pub data: PathBuf,
    /// The part of user ids after the colon. It can never change once people have joined.
    pub name: String,
    /// How long open connections may take to finish when the server stops, milliseconds.
    pub shutdown_timeout_ms: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8008)),
            data: PathBuf::from("data"),
            name: "localhost".into(),
            shutdown_timeout_ms: 10_000,
        }
    }
}
