//! `POST /_matrix/media/v1/create`, then `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`

use std::time::{Duration, Instant};

use e2e::{Client, Request, Server, User, json};

use super::{download_path, refused, upload, uri};

async fn announce(server: &Client, user: &User) -> String {
    uri(&server.post("/_matrix/media/v1/create", json!({})).by(user).ok().await)
}

fn put(server: &Client, uri: &str, bytes: &'static str) -> Request {
    server.request("PUT", &format!("/_matrix/media/v3/upload/{uri}")).header("content-type", "text/plain").body(bytes)
}

#[tokio::test]
async fn an_announced_file_is_uploaded_once() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let answer = server.post("/_matrix/media/v1/create", json!({})).by(&alice).ok().await;
    let now = server.chat().env.now();
    let left = answer["unused_expires_at"].as_i64().unwrap() - now;
    assert!((23 * 3_600_000..=24 * 3_600_000).contains(&left), "{left}");
    let uri = uri(&answer);
    assert_eq!(put(&server, &uri, "first").by(&alice).ok().await, json!({}));
    refused(put(&server, &uri, "second").by(&alice).send().await, 409, "M_CANNOT_OVERWRITE_MEDIA");
    let uploaded = upload(&server, &alice, "text/plain", "first").await;
    refused(put(&server, &uploaded, "second").by(&alice).send().await, 409, "M_CANNOT_OVERWRITE_MEDIA");
    for uri in [uri, uploaded] {
        assert_eq!(server.get(&download_path(&uri)).by(&alice).send_raw().await.2, "first");
    }
}

#[tokio::test]
async fn only_who_announced_a_file_uploads_it() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let uri = announce(&server, &alice).await;
    refused(put(&server, &uri, "x").by(&bob).send().await, 403, "M_FORBIDDEN");
    refused(put(&server, &uri, "x").send().await, 401, "M_MISSING_TOKEN");
    refused(server.post("/_matrix/media/v1/create", json!({})).send().await, 401, "M_MISSING_TOKEN");
    for unknown in ["localhost/nothing", "elsewhere.org/x", "localhost/..%2F..%2Fetc", "localhost/a%00b"] {
        refused(put(&server, unknown, "x").by(&alice).send().await, 404, "M_NOT_FOUND");
    }
    put(&server, &uri, "x").by(&alice).ok().await;
}

#[tokio::test]
async fn a_failed_upload_can_be_repeated() {
    let server = Server::with(|settings| settings.rules.limits.upload_bytes = 5).await;
    let alice = server.register("alice").await;
    let uri = announce(&server, &alice).await;
    refused(put(&server, &uri, "too long").by(&alice).send().await, 413, "M_TOO_LARGE");
    put(&server, &uri, "short").by(&alice).ok().await;
    assert_eq!(server.get(&download_path(&uri)).by(&alice).send_raw().await.2, "short");
}

#[tokio::test]
async fn a_download_waits_for_the_content() {
    let server = Server::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let uri = announce(&server, &alice).await;
    let now = |timeout: &str| server.get(&format!("{}?timeout_ms={timeout}", download_path(&uri))).by(&bob).send();
    refused(now("0").await, 504, "M_NOT_YET_UPLOADED");
    refused(now("-1").await, 400, "M_INVALID_PARAM");
    refused(now("soon").await, 400, "M_INVALID_PARAM");
    let started = Instant::now();
    refused(now("300").await, 504, "M_NOT_YET_UPLOADED");
    assert!(started.elapsed() >= Duration::from_millis(300));

    let thumbnail = format!("/_matrix/client/v1/media/thumbnail/{uri}?width=32&height=32&timeout_ms=0");
    refused(server.get(&thumbnail).by(&bob).send().await, 504, "M_NOT_YET_UPLOADED");
    let waiting = tokio::spawn(server.get(&download_path(&uri)).by(&bob).send_raw());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    let uploaded = Instant::now();
    put(&server, &uri, "at last").by(&alice).ok().await;
    assert_eq!(waiting.await.unwrap().2, "at last");
    assert!(uploaded.elapsed() < Duration::from_secs(1), "it was woken, it did not poll");
}

#[tokio::test]
async fn a_stopping_server_does_not_wait_for_content() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let uri = announce(&server, &alice).await;
    let waiting = tokio::spawn(server.get(&download_path(&uri)).by(&alice).send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    server.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    refused(waiting.await.unwrap(), 504, "M_NOT_YET_UPLOADED");
}

#[tokio::test]
async fn an_announcement_expires() {
    let server = Server::with(|settings| settings.rules.media.pending_lifetime_ms = 50).await;
    let alice = server.register("alice").await;
    let uri = announce(&server, &alice).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    refused(put(&server, &uri, "late").by(&alice).send().await, 404, "M_NOT_FOUND");
    refused(server.get(&download_path(&uri)).by(&alice).send().await, 404, "M_NOT_FOUND");
    assert_eq!(chat::media::sweep(server.chat()).await.unwrap(), 1);
    assert_eq!(chat::media::sweep(server.chat()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_user_announces_a_bounded_number_of_files() {
    let server = Server::with(|settings| settings.rules.media.pending_per_user = 2).await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let first = announce(&server, &alice).await;
    announce(&server, &alice).await;
    let more = server.post("/_matrix/media/v1/create", json!({})).by(&alice).send().await;
    assert!(more.1["retry_after_ms"].as_u64().is_some());
    refused(more, 429, "M_LIMIT_EXCEEDED");
    announce(&server, &bob).await;
    put(&server, &first, "done").by(&alice).ok().await;
    announce(&server, &alice).await;
}
