//! How connections end that are open for long: by time, by a sign-out, by the server's stop.

use std::time::{Duration, Instant};

use e2e::{PASSWORD, Server, Stream, User, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// The close code (none for a connection that just ended), and whether it came in time.
async fn closed(stream: &mut Stream) -> Option<u16> {
    let end = async { while let Ok(Some(_)) = stream.next().await {} };
    tokio::time::timeout(PATIENCE, end).await.expect("the server closes in time");
    stream.close_code()
}

async fn open(server: &Server, user: &User) -> Stream {
    let mut stream = server.stream(user, "").await.expect("the server upgrades");
    stream.next().await.expect("a sound connection").expect("the first frame");
    stream
}

fn auth() -> Value {
    json!({ "type": "m.login.password", "password": PASSWORD, "identifier": { "type": "m.id.user", "user": "alice" } })
}

#[tokio::test]
async fn who_does_not_say_who_it_is_in_time_is_sent_away() {
    let server = Server::with(|settings| settings.rules.websocket.auth_timeout_ms = 300).await;
    let started = Instant::now();
    let mut silent = server.stream_with("", None).await.expect("open");
    assert_eq!(closed(&mut silent).await, Some(4408));
    assert!(started.elapsed() >= Duration::from_millis(300));
    // The time is one for authenticating only.
    let alice = server.register("alice").await;
    let mut stream = server.stream_with("", None).await.expect("open");
    let auth = json!({ "id": 1, "method": "auth", "params": { "access_token": alice.token } });
    stream.send(&auth.to_string()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let (answer, _) = stream.call("ping", json!({})).await.expect("an answer");
    assert_eq!(answer["result"], json!({}));
}

#[tokio::test]
async fn a_client_that_is_silent_is_given_up_and_one_that_answers_pings_is_kept() {
    let server = Server::with(|settings| {
        settings.rules.websocket.ping_ms = 100;
        settings.rules.websocket.silence_ms = 400;
    })
    .await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (mut silent, mut quiet) = (open(&server, &alice).await, open(&server, &bob).await);
    // A client answers pings while it reads, and only then.
    let reading = async { tokio::time::timeout(Duration::from_millis(1500), quiet.next()).await };
    assert!(reading.await.is_err(), "no frame, and no end");
    let (answer, _) = quiet.call("ping", json!({})).await.expect("it is kept");
    assert_eq!(answer["result"], json!({}));
    let started = Instant::now();
    closed(&mut silent).await;
    assert!(started.elapsed() < Duration::from_millis(300), "it had ended before");
}

#[tokio::test]
async fn a_stream_ends_by_what_its_client_may_not_send() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    for (frame, code) in [
        ("nonsense", 4400),
        ("{\"id\":1", 4400),
        ("{\"id\":1}", 4400),
        ("{\"method\":\"ping\"}", 4400),
        ("{\"id\":1,\"method\":5}", 4400),
        ("", 4400),
        ("null", 4400),
        (&"[".repeat(100_000), 4400),
        (&"x".repeat(256 * 1024 + 1), 1009),
    ] {
        let mut stream = open(&server, &alice).await;
        stream.send(frame).await.expect("sent");
        assert_eq!(closed(&mut stream).await, Some(code), "{}", &frame[..frame.len().min(20)]);
    }
    let mut stream = open(&server, &alice).await;
    stream.send_binary(b"{\"id\":1,\"method\":\"ping\"}").await.expect("sent");
    assert_eq!(closed(&mut stream).await, Some(4400));
    let mut unauthenticated = server.stream_with("", None).await.expect("open");
    unauthenticated.send(&"x".repeat(256 * 1024 + 1)).await.expect("sent");
    assert_eq!(closed(&mut unauthenticated).await, Some(1009));
    // What is well-formed and unknown is answered, and the stream goes on; the largest frame is let through.
    let mut stream = open(&server, &alice).await;
    let (answer, _) = stream.call("dance", json!({})).await.expect("an answer");
    assert_eq!(answer["error"]["errcode"], "M_UNRECOGNIZED");
    let (answer, _) = stream.call("auth", json!({ "access_token": alice.token })).await.expect("an answer");
    assert_eq!(answer["error"]["errcode"], "M_UNRECOGNIZED");
    let frame =
        |padding: usize| json!({ "id": "x", "method": "ping", "params": { "x": "x".repeat(padding) } }).to_string();
    let largest = frame(256 * 1024 - frame(0).len());
    assert_eq!(largest.len(), 256 * 1024);
    stream.send(&largest).await.expect("sent");
    assert_eq!(stream.next().await.expect("sound").expect("an answer")["result"], json!({}));
    let deep = format!(r#"{{"id":"y","method":"typing","params":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    stream.send(&deep).await.expect("sent");
    let answer = stream.next().await.expect("sound").expect("an answer");
    assert_eq!(answer["error"]["errcode"], "M_BAD_JSON", "{answer}");
}

#[tokio::test]
async fn the_servers_stop_sends_everyone_away() {
    let server = Server::start().await;
    let alice = server.register("alice").await;
    let since = server.sync(&alice, None).await["next_batch"].as_str().expect("a token").to_owned();
    let mut stream = open(&server, &alice).await;
    let mut nobody = server.stream_with("", None).await.expect("open");
    let path = format!("/_matrix/client/v3/sync?timeout=60000&since={since}");
    let waiting = server.get(&path).by(&alice);
    let waiting = tokio::spawn(waiting.send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    let stopping = tokio::spawn(server.stop());
    assert_eq!(closed(&mut stream).await, Some(1001));
    assert_eq!(closed(&mut nobody).await, Some(1001));
    assert_eq!(waiting.await.expect("an answer").0, 200, "a long-poll ends early and is answered");
    stopping.await.expect("it stops");
    assert!(started.elapsed() < Duration::from_secs(5), "nobody held it up");
}

/// A stream and a long-poll of one device, and another device of the same user to act from.
struct Waiting {
    stream: Stream,
    poll: tokio::task::JoinHandle<(u16, Value)>,
}

impl Waiting {
    async fn new(server: &Server, device: &User) -> Self {
        let since = server.sync(device, None).await["next_batch"].as_str().expect("a token").to_owned();
        let stream = open(server, device).await;
        let poll = format!("/_matrix/client/v3/sync?timeout=60000&since={since}");
        let poll = tokio::spawn(server.get(&poll).by(device).send());
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!poll.is_finished(), "it waits");
        Self { stream, poll }
    }

    async fn ended(mut self, how: &str) -> Value {
        assert_eq!(closed(&mut self.stream).await, Some(4401), "{how}");
        let (status, body) = tokio::time::timeout(PATIENCE, self.poll).await.expect(how).expect(how);
        assert_eq!((status, &body["errcode"]), (401, &json!("M_UNKNOWN_TOKEN")), "{how}");
        body
    }
}

#[tokio::test]
async fn a_sign_out_ends_what_the_device_has_open() {
    for how in ["logout", "logout/all", "delete", "delete many", "password", "deactivate", "sign in again"] {
        let server = Server::start().await;
        let (laptop, phone) = (server.register("alice").await, server.login("alice").await);
        let waiting = Waiting::new(&server, &phone).await;
        let post = |path: &str, body: Value, by: &User| server.post(&format!("/_matrix/client/v3/{path}"), body).by(by);
        match how {
            "logout" => drop(post(how, json!({}), &phone).ok().await),
            "logout/all" => drop(post(how, json!({}), &laptop).ok().await),
            "delete" => {
                let path = format!("/_matrix/client/v3/devices/{}", phone.device);
                server.request("DELETE", &path).json(&json!({ "auth": auth() })).by(&laptop).ok().await;
            }
            "delete many" => {
                let body = json!({ "devices": [phone.device], "auth": auth() });
                post("delete_devices", body, &laptop).ok().await;
            }
            "password" => {
                let body = json!({ "new_password": "an entirely new password", "auth": auth() });
                post("account/password", body, &laptop).ok().await;
            }
            "deactivate" => drop(post("account/deactivate", json!({ "auth": auth() }), &laptop).ok().await),
            _ => {
                let mut body = auth();
                body["device_id"] = json!(phone.device);
                server.post("/_matrix/client/v3/login", body).ok().await;
            }
        }
        assert_eq!(waiting.ended(how).await.get("soft_logout"), None, "{how}");
        let other = server.get("/_matrix/client/v3/account/whoami").by(&laptop).send().await.0;
        assert_eq!(other == 200, !matches!(how, "logout/all" | "deactivate"), "{how}");
    }
}

#[tokio::test]
async fn what_is_open_ends_with_its_access_token() {
    let server = Server::with(|settings| settings.rules.sessions.refreshable_token_lifetime_ms = 1500).await;
    server.register("alice").await;
    let mut body = auth();
    body["refresh_token"] = json!(true);
    let session = server.post("/_matrix/client/v3/login", body).ok().await;
    let text = |name: &str| session[name].as_str().expect("text").to_owned();
    let device = User { id: text("user_id"), token: text("access_token"), device: text("device_id") };
    let started = Instant::now();
    let body = Waiting::new(&server, &device).await.ended("expired").await;
    assert_eq!(body["soft_logout"], true, "the device is still signed in: {body}");
    assert!((Duration::from_millis(1000)..Duration::from_secs(5)).contains(&started.elapsed()), "in time");
    let refreshed =
        server.post("/_matrix/client/v3/refresh", json!({ "refresh_token": text("refresh_token") })).ok().await;
    let token = refreshed["access_token"].as_str().expect("a token");
    server.get("/_matrix/client/v3/account/whoami").token(token).ok().await;
}

#[tokio::test]
async fn a_device_that_is_signed_out_while_it_connects_is_not_let_in() {
    let server = Server::start().await;
    server.register("alice").await;
    for _ in 0..20 {
        let phone = server.login("alice").await;
        let connecting = async { server.stream(&phone, "").await };
        let leaving = async { server.post("/_matrix/client/v3/logout", json!({})).by(&phone).ok().await };
        // Refused, or closed at once: never left open.
        if let (Ok(mut stream), _) = tokio::join!(connecting, leaving) {
            assert_eq!(closed(&mut stream).await, Some(4401));
        }
    }
}

#[tokio::test]
async fn a_request_that_does_not_come_in_time_is_given_up() {
    let server = Server::with(|settings| settings.rules.limits.body_timeout_ms = 300).await;
    let mut connection = TcpStream::connect(server.addr()).await.expect("a connection");
    let head = "POST /_matrix/client/v3/login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{";
    connection.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    let read = connection.read_to_string(&mut answer);
    tokio::time::timeout(PATIENCE, read).await.expect("the server gives up").expect("text");
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("M_UNKNOWN"), "{answer}");
}
