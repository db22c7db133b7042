//! The command line. What is not given has a default of its own in each scenario.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures a Matrix server over its public API.
///
/// Prints a JSON line for each scenario and a table at the end. Exits with 1 when a message was
/// lost, doubled or reordered, or any request failed. docs/performance.md explains the scenarios.
#[derive(Clone, Debug, Parser)]
#[command(name = "chatbook-loadtest", version, max_term_width = 100)]
pub struct Options {
    /// What to measure
    #[arg(value_enum)]
    pub scenario: Scenario,

    /// The server's address, http://host:port
    #[arg(long, default_value = "http://127.0.0.1:8008")]
    pub url: String,

    /// The server's process on this machine, to measure its CPU time and memory; several, and those that they have
    /// started, count together: a cluster's nodes, a database with its backends
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub server_pid: Vec<u32>,

    /// Users that send [send: 100, deliver: 10] or hold connections [idle: 500]
    #[arg(long)]
    pub users: Option<usize>,

    /// Rooms; each user is in one [send, idle: 20] or in all [sync-idle: 1000]
    #[arg(long)]
    pub rooms: Option<usize>,

    /// Requests in flight [send: 64, fanout, room-size: 16, sync-idle: 4]
    #[arg(long)]
    pub in_flight: Option<usize>,

    /// Receivers in the room [deliver: 100 on ws, 500 on sync; fanout: 1000]
    #[arg(long)]
    pub receivers: Option<usize>,

    /// Messages a second [send: as many as are acknowledged, deliver: 100 on ws, 20 on sync]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,

    /// How long to measure
    #[arg(long, default_value_t = 10)]
    pub seconds: u32,

    /// Time before the measurement, for connections and caches [send, room-size, sync-idle]
    #[arg(long, default_value_t = 2)]
    pub warmup_seconds: u32,

    /// Ends `send` after so many messages, if that is sooner
    #[arg(long)]
    pub count: Option<u64>,

    /// How receivers listen [default: ws, and in `all` both]
    #[arg(long, value_enum)]
    pub transport: Option<Transport>,

    /// Idle connections
    #[arg(long, default_value_t = 5000)]
    pub connections: usize,

    /// Messages of `fanout` that may be accepted but not yet delivered to all
    #[arg(long, default_value_t = 64)]
    pub window: usize,

    /// Members of the large room in `room-size`
    #[arg(long, default_value_t = 10_000)]
    pub members: usize,

    /// Size of a message's content in bytes
    #[arg(long, default_value_t = 128)]
    pub content_bytes: usize,

    /// For servers that ask for one
    #[arg(long, value_name = "TOKEN")]
    pub registration_token: Option<String>,

    /// Requests in flight while users and rooms are made
    #[arg(long, default_value_t = 16)]
    pub setup_concurrency: usize,

    /// Threads of the generator; one costs the least
    #[arg(long, default_value_t = 1)]
    pub threads: usize,

    /// Appends the JSON lines to this file too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Sends as fast as they are acknowledged, or at a rate: throughput and latency up to the acknowledgement
    Send,
    /// A fixed rate of messages to many receivers: latency from before the send to each receiver
    Deliver,
    /// The most deliveries a second
    Fanout,
    /// Memory of idle WebSocket connections
    Idle,
    /// Cost of a send to a large room against one to a room of 10
    RoomSize,
    /// /sync with nothing new for a user in many rooms
    SyncIdle,
    /// All of them
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// Chatbook's WebSocket
    Ws,
    /// Long-polls of /sync
    Sync,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Sync => "sync",
        }
    }
}
