//! A client of the WebSocket transport.

use std::error::Error;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

use crate::{Client, User};

/// What ended the connection, or kept it from being made.
pub type StreamError = Box<dyn Error + Send + Sync>;

/// A connection to `/_matrix/client/unstable/org.chatbook.stream`.
pub struct Stream {
    socket: WebSocketStream<TcpStream>,
    calls: u64,
    closed: Option<u16>,
}

impl Client {
    /// Connects as `user`, authenticated by the header. `query` holds the parameters of `/sync`, such as `since=…`.
    ///
    /// # Errors
    /// If the server does not answer, or not with an upgrade.
    pub async fn stream(&self, user: &User, query: &str) -> Result<Stream, StreamError> {
        self.stream_with(query, Some(&user.token)).await
    }

    /// Connects with an access token of the test's choice, or with none.
    ///
    /// # Errors
    /// If the server does not answer, or not with an upgrade.
    pub async fn stream_with(&self, query: &str, token: Option<&str>) -> Result<Stream, StreamError> {
        let address = format!("ws://{}/_matrix/client/unstable/org.chatbook.stream?{query}", self.addr());
        let mut request = address.into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("m.json"));
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        }
        let connection = TcpStream::connect(self.addr()).await?;
        let (socket, _) = tokio_tungstenite::client_async(request, connection).await?;
        Ok(Stream { socket, calls: 0, closed: None })
    }
}

impl Stream {
    /// The next frame; none when the server has closed the connection.
    ///
    /// # Errors
    /// If the connection broke.
    pub async fn next(&mut self) -> Result<Option<Value>, StreamError> {
        while let Some(message) = self.socket.next().await {
            match message? {
                Message::Text(text) => return Ok(Some(serde_json::from_str(text.as_str())?)),
                Message::Close(frame) => self.closed = frame.map(|frame| u16::from(frame.code)),
                _ => {}
            }
        }
        Ok(None)
    }

    /// The close code that the server gave, once [`Stream::next`] has returned none.
    pub fn close_code(&self) -> Option<u16> {
        self.closed
    }

    /// Sends a call and returns its answer, and the sync frames that came before it.
    ///
    /// # Errors
    /// If the connection broke before the answer.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<(Value, Vec<Value>), StreamError> {
        self.calls += 1;
        let id = self.calls.to_string();
        self.send(&json!({ "id": id, "method": method, "params": params }).to_string()).await?;
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await? {
            if frame["id"] == id {
                return Ok((frame, frames));
            }
            frames.push(frame);
        }
        Err("the connection ended before the answer".into())
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    /// If the connection broke.
    pub async fn send_binary(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        Ok(self.socket.send(Message::binary(bytes.to_vec())).await?)
    }

    /// Sends a text frame as it is.
    ///
    /// # Errors
    /// If the connection broke.
    pub async fn send(&mut self, text: &str) -> Result<(), StreamError> {
        Ok(self.socket.send(Message::text(text)).await?)
    }
}
