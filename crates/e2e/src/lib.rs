//! What tests over real connections are built with: servers in this process, servers as processes, an HTTP client.
//!
//! ```no_run
//! # async fn example() {
//! let server = e2e::Server::start().await;
//! let alice = server.register("alice").await;
//! let (status, body) = server.get("/_matrix/client/v3/account/whoami").token(&alice.token).send().await;
//! assert_eq!((status, body["user_id"].as_str()), (200, Some(alice.id.as_str())));
//! # }
//! ```

mod backing;
pub mod chaos;
mod client;
mod process;
mod program;
mod rooms;
mod server;
mod stream;

pub use ::server::Settings;
pub use backing::{database, redis};
pub use client::{Client, Request};
pub use process::{Process, chatbook, send};
pub use program::Program;
pub use rooms::{encode, event_ids};
pub use serde_json::{Value, json};
pub use server::Server;
pub use stream::{Stream, StreamError};

/// A signed-in device of a registered user.
#[derive(Debug, Clone)]
pub struct User {
    /// `@name:localhost`
    pub id: String,
    /// The access token.
    pub token: String,
    /// The device id.
    pub device: String,
}

/// For a process whose data is SQLite's, whatever the run's other servers use.
pub const SQLITE: (&str, &str) = ("CHATBOOK_POSTGRES__URL", "");

/// A sync token of the same server as `token`, from the end of time.
pub fn far_token(token: &str) -> String {
    let shards = token.trim_start_matches("s1_").split('_').next().unwrap_or_default().split('.');
    let far = vec![i64::MAX.to_string(); shards.count()].join(".");
    format!("s1_{far}_{}_ffffffffffffffff.{}", i64::MAX, u64::MAX)
}

/// Every password that the harness sets.
pub const PASSWORD: &str = "correct horse battery staple";
