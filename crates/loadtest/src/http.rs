//! One kept-alive HTTP/1.1 connection: the cheapest client, as the server shares our cores.

use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode, Uri,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::Failure;

/// The server under test.
#[derive(Clone, Debug)]
pub struct Target(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    address: String,
    host: HeaderValue,
}

impl Target {
    /// Takes `http://host[:port]`. TLS is not spoken: it would be measured along with the server.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("--url {url}"))?;
        if uri.scheme_str() != Some("http") || !matches!(uri.path(), "" | "/") {
            bail!("--url must look like http://host:port, without a path, not {url}");
        }
        let host = uri.host().with_context(|| format!("no host in {url}"))?;
        Ok(Self(Arc::new(Parts {
            address: format!("{host}:{}", uri.port_u16().unwrap_or(80)),
            host: HeaderValue::from_str(uri.authority().map_or(host, |a| a.as_str()))?,
        })))
    }

    pub async fn connect(&self) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect(&self.0.address).await.map_err(Failure::transport)?;
        stream.set_nodelay(true).map_err(Failure::transport)?;
        Ok(stream)
    }

    pub fn host(&self) -> &HeaderValue {
        &self.0.host
    }
}

/// A connection that is opened at the first request and again after it was lost.
#[derive(Debug)]
pub struct Http {
    target: Target,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Http {
    pub fn new(target: Target) -> Self {
        Self { target, connection: None }
    }

    /// The body of a 2xx answer; anything else is a [`Failure`].
    pub async fn ok(
        &mut self,
        method: Method,
        path: &str,
        authorization: Option<&HeaderValue>,
        body: impl Into<Bytes>,
    ) -> Result<Bytes, Failure> {
        let (status, body) = self.request(method, path, authorization, body).await?;
        if status.is_success() { Ok(body) } else { Err(Failure::from_response(status, &body)) }
    }

    pub async fn request(
        &mut self,
        method: Method,
        path: &str,
        authorization: Option<&HeaderValue>,
        body: impl Into<Bytes>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let body = body.into();
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.target.host());
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let request =
            request.body(Full::new(body)).map_err(|e| Failure::bad_answer(format!("cannot ask for {path}: {e}")))?;
        // A broken connection is not used again: what was in flight on it has failed.
        let mut connection = self.ready().await?;
        let response = connection.send_request(request).await.map_err(Failure::transport)?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(Failure::transport)?.to_bytes();
        self.connection = Some(connection);
        Ok((status, body))
    }

    async fn ready(&mut self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        if let Some(mut connection) = self.connection.take()
            && connection.ready().await.is_ok()
        {
            return Ok(connection);
        }
        let stream = TokioIo::new(self.target.connect().await?);
        let (connection, driver) =
            http1::Builder::new().max_buf_size(64 * 1024).handshake(stream).await.map_err(Failure::transport)?;
        // Its errors also reach the request that waits for the answer.
        tokio::spawn(async move { driver.await.unwrap_or_default() });
        Ok(connection)
    }
}
