//! The whole surface of a server: the API, the web client, and what wraps every request.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tracing::Instrument;

use crate::{
    addresses::{Network, client_address},
    extract::App,
    metrics::Metrics,
    router::router,
    web::{self, Asset},
    well_known,
};

/// What a server shows besides the API.
#[derive(Clone, Default)]
pub struct Surface {
    /// The files of the web client, if it is served.
    pub assets: Option<&'static [Asset]>,
    /// Where people reach the server; empty if that is where a request came to.
    pub public_url: String,
    /// Reverse proxies that say truly who asked.
    pub trusted_proxies: Vec<Network>,
    /// Where requests are counted.
    pub metrics: Metrics,
}

/// The router of a server.
pub fn app(chat: App, surface: Surface) -> Router {
    let shared = Arc::new(Shared { surface, requests: AtomicU64::new(0), warned: AtomicBool::new(false) });
    let discovery = Router::new()
        .route("/.well-known/matrix/client", get(well_known::client))
        .with_state(shared.surface.public_url.clone());
    let app = router(chat).merge(discovery);
    let app = match shared.surface.assets {
        Some(assets) => app.fallback(move |request: Request| async move { web::serve(assets, &request) }),
        None => app,
    };
    app.layer(middleware::from_fn_with_state(shared, observe))
}

struct Shared {
    surface: Surface,
    requests: AtomicU64,
    warned: AtomicBool,
}

/// Gives a request its span and its true address, counts it, and opens the API to web clients of any origin.
///
/// One layer, since each costs a request several allocations.
async fn observe(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    shared.unwrap_proxy(&mut request);
    let id = shared.requests.fetch_add(1, Relaxed);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("web", MatchedPath::as_str);
    let cross_origin = API.iter().any(|prefix| request.uri().path().starts_with(prefix));
    let span = tracing::info_span!("http.request", request.id = id, http.method = %method, http.route = route);
    let mut response = if cross_origin && method == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        next.run(request).instrument(span.clone()).await
    };
    if cross_origin {
        allow_any_origin(response.headers_mut());
    }
    let (status, duration) = (response.status().as_u16(), started.elapsed());
    shared.surface.metrics.count(route, &method, status, duration);
    span.in_scope(|| tracing::debug!(http.status = status, duration_us = duration.as_micros() as u64, "answered"));
    response
}

/// What is no part of the web client.
const API: [&str; 3] = ["/_matrix/", "/_chatbook/", "/.well-known/"];

/// Client-Server API, "Web Browser Clients". Tokens travel in a header that a foreign page does not have, so no origin
/// gains anything it could not do itself.
fn allow_any_origin(headers: &mut HeaderMap) {
    let allow = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "X-Requested-With, Content-Type, Authorization"),
    ];
    for (name, value) in allow {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

impl Shared {
    /// Behind a trusted proxy the peer is who the proxy names.
    fn unwrap_proxy(&self, request: &mut Request) {
        if !request.headers().contains_key(FORWARDED) {
            return;
        }
        let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() else { return };
        let trusted = &self.surface.trusted_proxies;
        if !trusted.iter().any(|network| network.contains(peer.ip())) {
            // Said once: otherwise anybody could fill the log.
            if !self.warned.swap(true, Relaxed) {
                let proxy = peer.ip();
                tracing::warn!(name: "http.proxy", %proxy, "requests come through a proxy that server.trusted_proxies does not name: rate limits take all its users for one, and who may register is decided as if it were not there");
            }
            return;
        }
        let forwarded = request.headers().get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
        let client = client_address(trusted, peer.ip(), forwarded);
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, 0)));
    }
}

const FORWARDED: &str = "x-forwarded-for";

/// Whether the proxy in front says that its client came over TLS.
pub(crate) fn forwarded_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
}
