//! A small HTTP client. It fails the test when the connection fails: what the server answers is the test's business.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, header};
use hyper_util::{client::legacy, rt::TokioExecutor};
use serde_json::{Value, json};

use crate::{PASSWORD, User};

type Pool = legacy::Client<legacy::connect::HttpConnector, Full<Bytes>>;

/// Talks to one server. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    addr: SocketAddr,
    base: String,
    pool: Pool,
}

/// A request that is being put together.
pub struct Request {
    pool: Pool,
    builder: hyper::http::request::Builder,
    body: Bytes,
}

/// Status, headers and the body's bytes.
pub type RawResponse = (u16, HeaderMap, Bytes);

impl Client {
    /// A client of the server at `addr`.
    pub fn new(addr: SocketAddr) -> Self {
        Self { addr, base: format!("http://{addr}"), pool: legacy::Client::builder(TokioExecutor::new()).build_http() }
    }

    /// `http://127.0.0.1:port`
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Where the server listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A request with any method. `path` begins with `/` and is sent as it is.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let builder = hyper::Request::builder()
            .method(Method::from_bytes(method.as_bytes()).expect("the test's method is valid"))
            .uri(format!("{}{path}", self.base));
        Request { pool: self.pool.clone(), builder, body: Bytes::new() }
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// A POST request with a JSON body.
    pub fn post(&self, path: &str, body: Value) -> Request {
        self.request("POST", path).json(&body)
    }

    /// A PUT request with a JSON body.
    pub fn put(&self, path: &str, body: Value) -> Request {
        self.request("PUT", path).json(&body)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }

    /// Registers an account with [`PASSWORD`] over the public API, and signs in with it.
    pub async fn register(&self, username: &str) -> User {
        let body = json!({ "username": username, "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
        let (status, body) = self.post("/_matrix/client/v3/register", body).send().await;
        assert_eq!(status, 200, "register {username}: {body}");
        User::from_session(&body)
    }

    /// Signs in on a new device with [`PASSWORD`].
    pub async fn login(&self, username: &str) -> User {
        let body = json!({ "type": "m.login.password", "password": PASSWORD,
            "identifier": { "type": "m.id.user", "user": username } });
        let (status, body) = self.post("/_matrix/client/v3/login", body).send().await;
        assert_eq!(status, 200, "login {username}: {body}");
        User::from_session(&body)
    }
}

impl User {
    fn from_session(body: &Value) -> Self {
        let field = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
        Self { id: field("user_id"), token: field("access_token"), device: field("device_id") }
    }
}

impl Request {
    /// Authenticates with an access token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header(header::AUTHORIZATION.as_str(), &format!("Bearer {token}"))
    }

    /// Authenticates as a user.
    #[must_use]
    pub fn by(self, user: &User) -> Self {
        self.token(&user.token)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Sets any body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it. Status and JSON body; a body that is not JSON comes back as a JSON string.
    pub async fn send(self) -> (u16, Value) {
        let (status, _, bytes) = self.send_raw().await;
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }

    /// Sends it and expects status 200. The JSON body.
    pub async fn ok(self) -> Value {
        let what = format!("{:?} {:?}", self.builder.method_ref(), self.builder.uri_ref());
        let (status, body) = self.send().await;
        assert_eq!(status, 200, "{what}: {body}");
        body
    }

    /// Sends it and expects to be refused with a status and an errcode.
    #[track_caller]
    pub fn refused(self, status: u16, errcode: &str) -> impl Future<Output = Value> {
        let what = format!("{:?} {:?}", self.builder.method_ref(), self.builder.uri_ref());
        let (caller, errcode) = (std::panic::Location::caller(), errcode.to_owned());
        async move {
            let (actual, body) = self.send().await;
            let expected = (status, Some(errcode.as_str()));
            assert_eq!((actual, body["errcode"].as_str()), expected, "{what} at {caller}: {body}");
            body
        }
    }

    /// Sends it.
    pub async fn send_raw(self) -> RawResponse {
        self.try_send().await.expect("the server answers")
    }

    /// Sends it to a server that may be gone.
    ///
    /// # Errors
    /// The connection's error: whether the server did what was asked is unknown.
    pub async fn try_send(self) -> Result<RawResponse, Box<dyn std::error::Error + Send + Sync>> {
        let request = self.builder.body(Full::new(self.body))?;
        let response = self.pool.request(request).await?;
        let (head, body) = response.into_parts();
        Ok((head.status.as_u16(), head.headers, body.collect().await?.to_bytes()))
    }
}
