//! Accepts connections and feeds them to the router, until told to stop.

use std::{convert::Infallible, future::Future, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// How long a connection may take to send a request's head, which is also how long it may stay idle: longer than the
/// usual keep-alive of proxies (60 s), so that none sends a request into a connection that is being closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(90);
/// How long to wait when the process has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 with upgrades on `listener` until `stop` completes; then accepts nothing more, tells keep-alive
/// connections to end and waits for the requests that are being answered. Upgraded connections are their handlers' task.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let stopping = watch::Sender::new(());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = http.serve_connection(prepare(stream), PeerService { router: router.clone(), peer });
                tokio::spawn(run(connection.with_upgrades(), stopping.subscribe()));
            }
            Err(error) => {
                tracing::warn!(name: "http.accept", %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stopping.send_replace(());
    stopping.closed().await;
}

/// Answers the connection's requests; when the server stops, only the one that is being answered.
async fn run(
    connection: http1::UpgradeableConnection<TokioIo<TcpStream>, PeerService>,
    mut stopping: watch::Receiver<()>,
) {
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(name: "http.connection", %error, "a connection ended early");
    }
}

fn prepare(stream: TcpStream) -> TokioIo<TcpStream> {
    // Answers are small and urgent: waiting to fill a packet would cost up to 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(name: "http.nodelay", %error);
    }
    TokioIo::new(stream)
}

/// The router, told who is at the other end of the connection.
struct PeerService {
    router: Router,
    peer: SocketAddr,
}

impl Service<Request<Incoming>> for PeerService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(ConnectInfo(self.peer));
        TowerToHyperService::new(self.router.clone()).call(request)
    }
}
