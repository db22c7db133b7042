//! A receiver: follows a user's stream and logs every marked message that arrives.

mod long_poll;
mod websocket;

pub use websocket::WebSocket;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use memchr::memmem;
use tokio::sync::{Semaphore, watch};

use self::long_poll::LongPoll;
use crate::{clock::Clock, error::Failure, http::Target, marker::Markers, matrix::User, options::Transport};

/// Enough that a receiver which is some frames behind has no gap.
const FILTER: &str = r#"{"room":{"timeline":{"limit":100}}}"#;

/// One arrival of a message at one receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub sequence: u32,
    pub latency_us: u32,
}

/// What a receiver saw until it was told to stop or its stream broke.
#[derive(Debug, Default)]
pub struct Log {
    pub deliveries: Vec<Delivery>,
    /// Frames that said they leave out messages (`"limited":true`).
    pub limited: u64,
    /// Why it stopped early.
    pub failure: Option<Failure>,
}

/// How far the deliveries are, for the senders and for the end of the measurement.
#[derive(Debug)]
pub struct Progress {
    receivers: u64,
    delivered: AtomicU64,
    /// One permit for each message that may be sent before the deliveries catch up.
    pub window: Semaphore,
}

impl Progress {
    pub fn new(receivers: usize, window: usize) -> Self {
        Self { receivers: receivers as u64, delivered: AtomicU64::new(0), window: Semaphore::new(window) }
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// As many deliveries as there are receivers make room for one more message.
    fn add(&self, deliveries: u64) {
        let before = self.delivered.fetch_add(deliveries, Ordering::Relaxed);
        let messages = (before + deliveries) / self.receivers - before / self.receivers;
        if messages > 0 {
            self.window.add_permits(messages as usize);
        }
    }
}

/// What all receivers of a measurement share.
#[derive(Clone)]
pub struct Shared {
    pub clock: Clock,
    pub markers: Arc<Markers>,
    pub progress: Arc<Progress>,
    /// Becomes true at the end.
    pub stop: watch::Receiver<bool>,
}

/// A user's stream of sync bodies over either transport.
pub enum Stream {
    WebSocket(Box<WebSocket>),
    LongPoll(LongPoll),
}

impl Stream {
    /// Opens it at `since`; a WebSocket has then had its first frame.
    pub async fn open(target: Target, transport: Transport, user: Arc<User>, since: String) -> Result<Self, Failure> {
        Ok(match transport {
            Transport::Ws => Self::WebSocket(Box::new(WebSocket::open(&target, &user, &since, FILTER).await?)),
            Transport::Sync => Self::LongPoll(LongPoll::new(target, user, since, FILTER)),
        })
    }

    /// The next sync body.
    async fn next(&mut self) -> Result<Bytes, Failure> {
        match self {
            Self::WebSocket(stream) => stream.next().await,
            Self::LongPoll(stream) => stream.next().await,
        }
    }

    /// Logs what arrives until the measurement stops.
    pub async fn receive(mut self, mut shared: Shared) -> Log {
        let mut log = Log::default();
        loop {
            let frame = tokio::select! {
                biased;
                frame = self.next() => frame,
                _ = shared.stop.wait_for(|stop| *stop) => return log,
            };
            match frame {
                Ok(frame) => record(&frame, &shared, &mut log),
                Err(failure) => {
                    log.failure = Some(failure);
                    return log;
                }
            }
        }
    }
}

fn record(frame: &[u8], shared: &Shared, log: &mut Log) {
    let now_us = shared.clock.now_us();
    let before = log.deliveries.len();
    let arrivals = shared.markers.scan(frame).map(|marker| Delivery {
        sequence: marker.sequence,
        latency_us: u32::try_from(now_us.saturating_sub(marker.sent_us)).unwrap_or(u32::MAX),
    });
    log.deliveries.extend(arrivals);
    if memmem::find(frame, br#""limited":true"#).is_some() {
        log.limited += 1;
    }
    shared.progress.add((log.deliveries.len() - before) as u64);
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use hyper::header::HeaderValue;
    use tokio::net::TcpListener;
    use tokio_tungstenite::{
        accept_hdr_async,
        tungstenite::{
            Message,
            handshake::server::{ErrorResponse, Request, Response},
        },
    };

    use super::*;
    use crate::{marker::Marker, verify::verify};

    /// Serves one WebSocket with an empty first frame and then these; returns its address.
    async fn fake_server(frames: Vec<String>) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_hdr_async(stream, authenticate).await.unwrap();
            socket.send(r#"{"next_batch":"s1"}"#.into()).await.unwrap();
            for frame in frames {
                socket.send(Message::Ping("p".into())).await.unwrap();
                socket.send(frame.into()).await.unwrap();
            }
            socket.close(None).await.unwrap();
            // Dropping it with unread pongs would reset the connection and lose what was sent.
            while socket.next().await.is_some() {}
        });
        Target::parse(&format!("http://{address}")).unwrap()
    }

    #[expect(clippy::result_large_err, reason = "the handshake's own signature")]
    fn authenticate(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let query = request.uri().query().unwrap_or_default();
        if request.headers()["authorization"] != "Bearer secret" {
            let body = r#"{"errcode":"M_UNKNOWN_TOKEN","error":"who?"}"#.to_owned();
            let mut refusal = ErrorResponse::new(Some(body));
            *refusal.status_mut() = hyper::StatusCode::UNAUTHORIZED;
            return Err(refusal);
        }
        assert!(query.contains("since=s0") && query.contains("filter=%7B%22room"), "{query}");
        let protocol = request.headers()["sec-websocket-protocol"].clone();
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    }

    async fn open(target: Target, token: &'static str) -> Result<Stream, Failure> {
        let user = Arc::new(User { authorization: HeaderValue::from_static(token) });
        Stream::open(target, Transport::Ws, user, "s0".to_owned()).await
    }

    #[tokio::test]
    async fn a_receiver_logs_every_message_of_every_frame_until_the_stream_ends() {
        let markers = Arc::new(Markers::new("run"));
        let event = |sequence| markers.content(Marker { sequence, sent_us: 0 }, 64);
        let target = fake_server(vec![
            format!(r#"{{"events":[{},{}],"next_batch":"s2"}}"#, event(1), event(0)),
            r#"{"presence":{},"next_batch":"s3"}"#.to_owned(),
            format!(r#"{{"limited":true,"events":[{}],"next_batch":"s4"}}"#, event(1)),
        ])
        .await;
        let (_stop, stop) = watch::channel(false);
        let progress = Arc::new(Progress::new(1, 0));
        let shared = Shared { clock: Clock::start(), markers: markers.clone(), progress: progress.clone(), stop };
        let log = open(target, "Bearer secret").await.unwrap().receive(shared).await;

        let order: Vec<u32> = log.deliveries.iter().map(|d| d.sequence).collect();
        assert_eq!(order, [1, 0, 1]);
        assert_eq!(log.limited, 1);
        assert_eq!(log.failure.unwrap().code, "TRANSPORT");
        assert_eq!((progress.delivered(), progress.window.available_permits()), (3, 3));
        let verdict = verify(&[0, 1, 2], &[order]);
        assert_eq!((verdict.lost, verdict.doubled), (1, 1));
    }

    #[tokio::test]
    async fn a_refused_token_is_reported_with_the_servers_error_code() {
        let target = fake_server(Vec::new()).await;
        let failure = open(target, "Bearer wrong").await.err().unwrap();
        assert_eq!(failure.code, "M_UNKNOWN_TOKEN");
    }

    #[test]
    fn a_message_leaves_the_window_when_as_many_got_it_as_there_are_receivers() {
        let progress = Progress::new(3, 1);
        progress.add(2);
        assert_eq!(progress.window.available_permits(), 1);
        progress.add(5);
        assert_eq!(progress.window.available_permits(), 3);
    }
}
