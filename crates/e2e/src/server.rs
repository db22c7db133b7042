//! A server in the test's own process.

use std::{net::SocketAddr, ops::Deref, sync::Arc};

use server::{Running, Settings};
use tempfile::TempDir;

use crate::{Client, backing};

/// A server on a free port with its data in a temporary directory. It stops when it is dropped. Sends requests like
/// the [`Client`] that it derefs to.
pub struct Server {
    client: Client,
    running: Option<Running>,
    settings: Settings,
    _data: Arc<TempDir>,
}

impl Server {
    /// Starts with settings that suit tests: cheap password hashes, no rate limits.
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// Starts with settings of the test's.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::with_in(Arc::new(TempDir::new().expect("a temporary directory")), change).await
    }

    /// The same with its data in a directory that others may use too: nodes of one store share it.
    pub async fn with_in(data: Arc<TempDir>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        settings.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        settings.server.data = data.path().to_owned();
        settings.rules.rate_limits.enabled = false;
        settings.rules.passwords.memory_kib = 8;
        settings.rules.passwords.iterations = 1;
        if backing::is_postgres() {
            settings.postgres.url = backing::database().await;
            settings.postgres.connections = 4;
        }
        change(&mut settings);
        Self::open(settings, data).await
    }

    async fn open(settings: Settings, data: Arc<TempDir>) -> Self {
        let running = server::start(settings.clone()).await.expect("the server starts");
        Self { client: Client::new(running.addr), running: Some(running), settings, _data: data }
    }

    /// Stops the server and starts it again on the same data (and a new port).
    pub async fn restart(mut self) -> Self {
        self.running.take().expect("the server runs").stop().await;
        Self::open(self.settings.clone(), self._data.clone()).await
    }

    /// Stops as an operator would. Fails the test if that hangs.
    pub async fn stop(mut self) {
        let running = self.running.take().expect("the server runs");
        let patience = std::time::Duration::from_millis(self.settings.server.shutdown_timeout_ms) * 2;
        tokio::time::timeout(patience, running.stop()).await.expect("the server stops in time");
    }

    /// Where its metrics are, if they are served.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.running.as_ref().expect("the server runs").metrics_addr
    }

    /// The rules behind the API.
    pub fn chat(&self) -> &Arc<chat::Chat> {
        self.running.as_ref().expect("the server runs").chat()
    }
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}
