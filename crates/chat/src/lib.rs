//! The rules of Chatbook. Knows neither HTTP nor SQL.

pub mod accounts;
pub mod config;
mod env;
mod error;
pub mod filters;
pub mod passwords;
pub mod rate_limit;
pub mod sessions;
pub mod uia;

use std::sync::Arc;

pub use env::Env;
pub use error::{Error, Result};
use ruma::OwnedServerName;
use store::Db;
pub use store::Error as StoreError;

/// What every rule works with. One per process, shared.
pub struct Chat {
    /// The store.
    pub db: Db,
    /// Time and randomness.
    pub env: Env,
    /// The settings.
    pub config: config::Config,
    /// The part of user ids and aliases after the colon. Never changes once people have joined.
    pub server_name: OwnedServerName,
    /// Whether the server listens on loopback only, which opens registration under `registration.mode = "auto"`.
    pub loopback_only: bool,
    /// Turns true once, when the server begins to stop: long-lived requests end themselves then.
    pub shutdown: tokio::sync::watch::Sender<bool>,
    pub(crate) sessions: sessions::Cache,
    pub(crate) filters: filters::Cache,
    /// Rate limits.
    pub rate_limits: rate_limit::RateLimits,
    pub(crate) passwords: passwords::Pool,
    pub(crate) uia: uia::Sessions,
}

impl Chat {
    /// Opens the rules over a store.
    pub async fn open(
        db: Db,
        env: Env,
        config: config::Config,
        server_name: OwnedServerName,
        loopback_only: bool,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            rate_limits: rate_limit::RateLimits::new(&config.rate_limits),
            passwords: passwords::Pool::new(&config.passwords),
            uia: uia::Sessions::default(),
            db,
            env,
            config,
            server_name,
            loopback_only,
            shutdown: tokio::sync::watch::Sender::new(false),
            sessions: sessions::Cache::default(),
            filters: filters::Cache::default(),
        }))
    }
}
