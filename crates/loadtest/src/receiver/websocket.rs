//! Receiving over Chatbook's WebSocket, authenticated by header.

use bytes::Bytes;
use futures_util::StreamExt;
use hyper::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::{
    error::Failure,
    http::Target,
    matrix::{self, User, segment},
};

pub struct WebSocket(WebSocketStream<TcpStream>);

impl WebSocket {
    /// Connects and waits for the first frame, which comes even when there is nothing new.
    pub async fn open(target: &Target, user: &User, since: &str, filter: &str) -> Result<Self, Failure> {
        let url = format!(
            "ws://{}/_matrix/client/unstable/org.chatbook.stream?set_presence=offline&since={}&filter={}",
            target.host().to_str().unwrap_or_default(),
            segment(since),
            segment(filter),
        );
        let mut request = url.into_client_request().map_err(Failure::bad_answer)?;
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, user.authorization.clone());
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("m.json"));
        // The defaults would cost 256 KiB a connection; the buffer grows for larger frames.
        let config = WebSocketConfig::default().read_buffer_size(2048).write_buffer_size(0);
        let stream = target.connect().await?;
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await.map_err(failure)?;
        let mut stream = Self(stream);
        let first = stream.next().await?;
        matrix::next_batch(&first)?;
        Ok(stream)
    }

    /// The next sync body. Pings are answered while waiting.
    pub async fn next(&mut self) -> Result<Bytes, Failure> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.into()),
                Some(Ok(Message::Close(frame))) => {
                    let why = frame.map_or("without a reason".to_owned(), |f| f.to_string());
                    return Err(Failure::transport(format!("the server closed: {why}")));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(failure(error)),
                None => return Err(Failure::transport("the connection ended")),
            }
        }
    }
}

fn failure(error: tungstenite::Error) -> Failure {
    match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().as_deref().unwrap_or_default();
            Failure::from_response(response.status(), body)
        }
        other => Failure::transport(other),
    }
}
