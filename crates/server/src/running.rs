//! One running server: open the store, serve, stop.

use std::{net::SocketAddr, time::Duration};

use axum::serve::ListenerExt;
use chat::Chat;
use ruma::ServerName;
use store::Db;
use tokio::net::TcpListener;

use crate::config::Settings;

/// Why a server could not start: a sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// A server that accepts requests until it is stopped.
pub struct Running {
    /// The address that it listens on.
    pub addr: SocketAddr,
    chat: std::sync::Arc<Chat>,
    serving: tokio::task::JoinHandle<()>,
    timeout: Duration,
}

/// Opens the store, binds the address and serves until [`Running::stop`].
///
/// # Errors
/// A sentence for the operator: the address is taken, the data is in use, the server name is no name.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    let server = settings.server;
    let name = ServerName::parse(&server.name)
        .map_err(|_| StartError(format!("server.name: \"{}\" is not a server name", server.name)))?;
    let db = Db::open_sqlite(&server.data).map_err(|error| StartError(error.to_string()))?;
    let listener = TcpListener::bind(server.listen)
        .await
        .map_err(|error| StartError(format!("cannot listen on {}: {error}", server.listen)))?;
    let addr = listener.local_addr().map_err(|error| StartError(error.to_string()))?;
    let chat = Chat::open(db, chat::Env::system(), settings.rules, name.to_owned(), addr.ip().is_loopback())
        .await
        .map_err(|error| StartError(error.to_string()))?;
    let service = api::router(chat.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let mut stopping = chat.shutdown.subscribe();
    // Answers are small and urgent: waiting to fill a packet would cost up to 40 ms.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(name: "server.nodelay", %error);
        }
    });
    let serving = tokio::spawn(async move {
        let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
        if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
            tracing::error!(name: "server.serve", %error, "the server stopped serving");
        }
    });
    Ok(Running { addr, chat, serving, timeout: Duration::from_millis(server.shutdown_timeout_ms) })
}

impl Running {
    /// The rules, for tests that look behind the API.
    pub fn chat(&self) -> &std::sync::Arc<Chat> {
        &self.chat
    }

    /// Accepts nothing new, lets open requests finish (not longer than `server.shutdown_timeout_ms`), closes the store.
    pub async fn stop(mut self) {
        self.chat.shutdown.send_replace(true);
        if tokio::time::timeout(self.timeout, &mut self.serving).await.is_err() {
            tracing::warn!(name: "server.stop", "connections were still open at the end of the shutdown timeout");
            self.serving.abort();
        }
        self.chat.db.close().await;
    }
}
