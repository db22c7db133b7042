//! What surrounds the API: the web client, discovery, metrics, proxies.

use e2e::{Client, Server};
use serde_json::json;

#[tokio::test]
async fn any_path_that_is_no_api_shows_the_web_client_and_asks_to_be_revalidated() {
    let server = Server::start().await;
    for path in ["/", "/room/!abc:localhost", "/some/where?x=1"] {
        let (status, headers, body) = server.get(path).send_raw().await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(headers["cache-control"], "no-cache");
        assert!(body.starts_with(b"<!doctype html>") || body.starts_with(b"<!DOCTYPE html>"));
        let etag = headers["etag"].to_str().expect("text").to_owned();
        let (status, _, body) = server.get(path).header("if-none-match", &etag).send_raw().await;
        assert_eq!((status, body.len()), (304, 0), "{path}");
    }
}

#[tokio::test]
async fn pages_may_do_nothing_but_what_the_client_needs() {
    let server = Server::start().await;
    let (_, headers, _) = server.get("/").send_raw().await;
    let policy = headers["content-security-policy"].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains('*'), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
}

#[tokio::test]
async fn a_script_that_is_gone_is_not_answered_with_a_page() {
    let server = Server::start().await;
    assert_eq!(server.get("/assets/old-1234.js").send().await.0, 404);
    assert_eq!(server.post("/", json!({})).send().await.0, 405);
}

#[tokio::test]
async fn unknown_endpoints_answer_m_unrecognized_and_not_the_web_client() {
    let server = Server::start().await;
    for path in ["/_matrix/client/v3/no/such", "/_chatbook/client/v1/none", "/_matrix/x"] {
        let (status, body) = server.get(path).send().await;
        assert_eq!((status, body["errcode"].as_str()), (404, Some("M_UNRECOGNIZED")), "{path}");
    }
}

#[tokio::test]
async fn a_server_without_the_web_client_serves_the_api_only() {
    let server = Server::with(|settings| settings.web.enabled = false).await;
    assert_eq!(server.get("/").send().await.0, 404);
    server.get("/_matrix/client/versions").ok().await;
}

#[tokio::test]
async fn discovery_names_the_address_that_was_asked() {
    let server = Server::start().await;
    let found = server.get("/.well-known/matrix/client").ok().await;
    assert_eq!(found["m.homeserver"]["base_url"], server.base());
    let (_, headers, _) = server.get("/.well-known/matrix/client").send_raw().await;
    assert_eq!(headers["access-control-allow-origin"], "*");
    let proxied = server.get("/.well-known/matrix/client").header("x-forwarded-proto", "https").ok().await;
    assert_eq!(proxied["m.homeserver"]["base_url"], server.base().replace("http:", "https:"));
    let (status, body) = server.get("/.well-known/matrix/client").header("host", "a\"b").send().await;
    assert_eq!((status, body["errcode"].as_str()), (404, Some("M_NOT_FOUND")));
}

#[tokio::test]
async fn discovery_names_the_public_address_if_there_is_one() {
    let server = Server::with(|settings| settings.server.public_url = "https://chat.example.org/".into()).await;
    let found = server.get("/.well-known/matrix/client").ok().await;
    assert_eq!(found["m.homeserver"]["base_url"], "https://chat.example.org");
}

#[tokio::test]
async fn metrics_are_served_on_their_own_address_only() {
    let server = Server::with(|settings| {
        settings.metrics.enabled = true;
        settings.metrics.listen.set_port(0);
    })
    .await;
    server.get("/_matrix/client/versions").ok().await;
    server.get("/_matrix/client/v3/account/whoami").send().await;
    let metrics = Client::new(server.metrics_addr().expect("metrics are served"));
    let (status, text) = metrics.get("/metrics").send().await;
    let text = text.as_str().expect("text").to_owned();
    assert_eq!(status, 200);
    for line in [
        "chatbook_http_requests_total{route=\"/_matrix/client/versions\",method=\"GET\",status=\"2xx\"} 1",
        "chatbook_http_requests_total{route=\"/_matrix/client/v3/account/whoami\",method=\"GET\",status=\"4xx\"} 1",
        "chatbook_http_request_duration_seconds_count{route=\"/_matrix/client/versions\",method=\"GET\"} 1",
        "# TYPE chatbook_store_transactions_total counter",
        "chatbook_store_queries_total ",
        "process_resident_memory_bytes ",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert_ne!(server.get("/metrics").send().await.1.as_str().map(|page| page.contains("# TYPE")), Some(true));
    assert_eq!(Server::start().await.metrics_addr(), None, "metrics are off by default");
}

#[tokio::test]
async fn only_a_trusted_proxy_says_who_asked() {
    let limited = |settings: &mut e2e::Settings| {
        settings.rules.rate_limits.enabled = true;
        settings.rules.rate_limits.registration.burst = 2;
        settings.rules.rate_limits.registration.per_second = 0.001;
    };
    let attempt = async |server: &Server, hop: &str, number: usize| {
        let body = json!({ "username": format!("user{number}"), "password": e2e::PASSWORD, "auth": { "type": "m.login.dummy" } });
        let request = server.post("/_matrix/client/v3/register", body).header("x-forwarded-for", hop);
        request.send().await.0
    };
    let trusting = Server::with(|settings| {
        limited(settings);
        settings.server.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        settings.rules.registration.mode = chat::config::RegistrationMode::Open;
    })
    .await;
    for number in 0..6 {
        assert_eq!(attempt(&trusting, &format!("203.0.113.9, 198.51.100.{number}"), number).await, 200);
    }
    let mut last = 0;
    for number in 10..16 {
        last = attempt(&trusting, &format!("203.0.113.{number}, 198.51.100.77"), number).await;
    }
    assert_eq!(last, 429, "what stands left of the proxy's own entry is made up by the client");
    let wary = Server::with(limited).await;
    for number in 0..6 {
        last = attempt(&wary, &format!("198.51.100.{number}"), number).await;
    }
    assert_eq!(last, 429, "nobody is trusted by default");
}
