//! The sections that only the binary reads. Every field has a default and a description.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

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
    /// Where people reach the server, such as `https://chat.example.org`. Empty: the address of the request.
    pub public_url: String,
    /// Addresses or ranges (`10.0.0.0/8`) of reverse proxies whose X-Forwarded-For is believed. Registration under `auto` needs a token when there are any.
    pub trusted_proxies: Vec<api::Network>,
    /// How long open connections may take to finish when the server stops, milliseconds.
    pub shutdown_timeout_ms: u64,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8008)),
            data: PathBuf::from("data"),
            name: "localhost".into(),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            shutdown_timeout_ms: 10_000,
        }
    }
}

/// What the server writes to stderr. Never a token, a password or a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`, also per part: `info,api=debug` logs every request.
    pub level: String,
    /// `human` or `json`.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Human }
    }
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// The embedded web client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Web {
    /// Whether it is served at `/`.
    pub enabled: bool,
}

impl Default for Web {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Prometheus metrics, on an address of their own because they are for the operator only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Whether they are served.
    pub enabled: bool,
    /// Address and port.
    pub listen: SocketAddr,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { enabled: false, listen: SocketAddr::from(([127, 0, 0, 1], 9008)) }
    }
}
