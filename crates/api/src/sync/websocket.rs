//! `GET /_matrix/client/unstable/org.chatbook.stream`: sync answers and requests over one WebSocket.
//!
//! There is no queue of frames: a frame is computed from the position that the socket has, when it can be written. A slow
//! client gets fewer and larger frames, and costs no memory. Described in docs/websocket.md.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use axum::{
    extract::{
        FromRequestParts, Request, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::Response,
};
use chat::{presence, sessions::Session, sync::changes};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{body::body, request, ws_methods};
use crate::{
    error::{ApiError, ApiResult},
    extract::{App, Auth, Query, bearer, parse},
};

/// The largest frame that a client may send, bytes.
const MAX_FRAME: usize = 256 * 1024;
/// Buffers per socket, bytes: an idle one must cost little.
const BUFFER: usize = 2048;
/// How long one frame may take to be written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Requests of one socket that are under way at once; more wait in the client.
const MAX_REQUESTS: usize = 64;

/// Close codes: the WebSocket protocol's 1001, 1009 and 1012, ours in the private range, named after HTTP's.
mod close {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const RESTART: u16 = 1012;
    pub(super) const TOO_LARGE: u16 = 1009;
    pub(super) const PROTOCOL: u16 = 4400;
    pub(super) const UNAUTHORIZED: u16 = 4401;
    pub(super) const TIMEOUT: u16 = 4408;
}

#[derive(Deserialize, Default)]
pub(crate) struct Parameters {
    #[serde(default)]
    access_token: String,
    filter: Option<String>,
    since: Option<String>,
    #[serde(default)]
    full_state: bool,
    #[serde(default)]
    set_presence: Option<presence::State>,
}

/// A request of the client.
#[derive(Deserialize)]
pub(super) struct Call {
    pub(super) id: Value,
    pub(super) method: String,
    #[serde(default)]
    pub(super) params: Option<Box<serde_json::value::RawValue>>,
}

/// Opens the stream. With an Authorization header its errors are plain HTTP; without one the first frame authenticates.
pub(crate) async fn stream(
    State(chat): State<App>,
    upgrade: WebSocketUpgrade,
    request: Request,
) -> ApiResult<Response> {
    if *chat.draining.borrow() {
        // It would soon end with the others. A load balancer asks another node.
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "M_UNKNOWN",
            "The server is stopping: connect anew.",
        ));
    }
    let (mut parts, _) = request.into_parts();
    let upgrade = upgrade
        .protocols(["m.json"])
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME);
    if bearer(&parts).is_none() {
        return Ok(upgrade.on_upgrade(move |socket| Box::pin(unauthenticated(chat, socket))));
    }
    let Auth(session) = Auth::from_request_parts(&mut parts, &chat).await?;
    let Query(parameters) = Query::<Parameters>::from_request_parts(&mut parts, &chat).await?;
    let request = open(&chat, &session, &parameters).await?;
    let presence = parameters.set_presence;
    Ok(upgrade.on_upgrade(move |socket| Box::pin(run(chat, socket, request, presence))))
}

async fn open(chat: &App, session: &Arc<Session>, parameters: &Parameters) -> ApiResult<changes::Request> {
    let Parameters { since, filter, full_state, .. } = parameters;
    request(chat, session, since.as_deref(), filter.as_deref(), *full_state).await
}

/// Waits for the frame that says who the client is.
async fn unauthenticated(chat: App, mut socket: WebSocket) {
    let mut shutdown = chat.shutdown.subscribe();
    let patience = Duration::from_millis(chat.config.websocket.auth_timeout_ms);
    let first = tokio::select! {
        first = timeout(patience, socket.recv()) => Some(first),
        _ = shutdown.changed() => None,
    };
    let Some(first) = first else { return end(socket, close::GOING_AWAY, STOPPING).await };
    let first = match first {
        Err(_) => return end(socket, close::TIMEOUT, "no authentication in time").await,
        Ok(Some(Ok(Message::Text(text)))) => text,
        Ok(Some(Err(error))) if is_too_large(&error) => return end(socket, close::TOO_LARGE, TOO_LARGE).await,
        Ok(_) => return end(socket, close::PROTOCOL, "the first frame has to authenticate").await,
    };
    let Ok(call) = parse::<Call>(first.as_bytes()) else {
        return end(socket, close::PROTOCOL, "the first frame has to authenticate").await;
    };
    let authenticated = async {
        if call.method != "auth" {
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", "Authenticate first."));
        }
        let parameters: Parameters = parse(call.params.as_ref().map_or("{}", |params| params.get()).as_bytes())?;
        let session = chat::sessions::authenticate(&chat, &parameters.access_token).await?;
        Ok((open(&chat, &session, &parameters).await?, parameters.set_presence))
    };
    let (request, presence) = match authenticated.await {
        Ok(authenticated) => authenticated,
        Err(error) => {
            // Only who has no good token is told to sign in again.
            let (code, reason) = match error.status().as_u16() {
                401 => (close::UNAUTHORIZED, "not authenticated"),
                400..500 => (close::PROTOCOL, "a parameter is not valid"),
                _ => (close::GOING_AWAY, "the server cannot read your data"),
            };
            let answer = json!({ "id": call.id, "error": error.into_body() });
            write(&mut socket, answer.to_string()).await.ok();
            return end(socket, code, reason).await;
        }
    };
    let session = &request.session;
    let answer = json!({ "id": call.id, "result": { "user_id": session.user_id, "device_id": session.device_id } });
    if write(&mut socket, answer.to_string()).await.is_ok() {
        Box::pin(run(chat, socket, request, presence)).await;
    }
}

/// Why a stream ends.
enum End {
    /// The client has gone, or cannot be written to.
    Lost,
    /// The server says why.
    Close(u16, &'static str),
}

async fn run(chat: App, mut socket: WebSocket, request: changes::Request, presence: Option<presence::State>) {
    // Held until the goodbye is sent: the server waits for it before it ends.
    let _open = chat.shutdown.subscribe();
    let follower = match changes::Follower::new(Arc::clone(&chat), &request.session, true).await {
        Ok(follower) => follower,
        Err(chat::Error::Store(_)) => {
            return end(socket, close::GOING_AWAY, "the server cannot read your data").await;
        }
        Err(_) => return end(socket, close::UNAUTHORIZED, "signed out").await,
    };
    let why = serve(&chat, &mut socket, request, &follower, presence).await;
    follower.disconnected();
    if let End::Close(code, reason) = why {
        end(socket, code, reason).await;
    }
}

async fn serve(
    chat: &App,
    socket: &mut WebSocket,
    mut request: changes::Request,
    follower: &changes::Follower,
    presence: Option<presence::State>,
) -> End {
    let session = request.session.clone();
    if let Some(since) = &request.since
        && follower.acknowledge(&session.device_id, since).await.is_err()
    {
        return End::Close(close::GOING_AWAY, "the server cannot write");
    }
    let mut shutdown = chat.shutdown.subscribe();
    if *shutdown.borrow() {
        return End::Close(close::GOING_AWAY, STOPPING);
    }
    let mut leaving = std::pin::pin!(leave(chat));
    let times = &chat.config.websocket;
    let (every, silence) = (Duration::from_millis(times.ping_ms.max(1)), Duration::from_millis(times.silence_ms));
    let mut expired = std::pin::pin!(chat::sessions::expired(chat, &session));
    let mut presence = presence.unwrap_or(presence::State::Online);
    let mut calls = Calls::default();
    let mut heard = Instant::now();
    let mut ping = tokio::time::interval_at(heard + every, every);
    let mut first = true;
    follower.seen(presence);
    loop {
        let mut news = std::pin::pin!(follower.news());
        news.as_mut().enable();
        let changes = async {
            let changes = follower.changes(&request).await;
            follower.stands(&session).await.and(changes)
        };
        let changes = match calls.beside(changes).await {
            Ok(changes) => changes,
            Err(chat::Error::Matrix { status: 401, .. } | chat::Error::SoftLogout) => {
                return End::Close(close::UNAUTHORIZED, "signed out");
            }
            Err(chat::Error::Invalid(_)) => {
                return End::Close(close::PROTOCOL, "since is no token of this server");
            }
            Err(_) => return End::Close(close::GOING_AWAY, "the server cannot read your data"),
        };
        if first || changes.any_news {
            let Ok(frame) = body(&changes, &session, &request.filter) else { return End::Lost };
            if calls.beside(write(socket, frame)).await.is_err() {
                return End::Lost;
            }
            first = false;
            request.full_state = false;
        }
        request.since = Some(changes.next);
        if changes.more {
            continue;
        }
        // Everything but news leaves the position as it is, so there is nothing to compute until some arrives.
        loop {
            tokio::select! {
                () = &mut news => break,
                answer = calls.next() => {
                    if calls.beside(write(socket, answer)).await.is_err() {
                        return End::Lost;
                    }
                }
                frame = socket.recv(), if calls.len() < MAX_REQUESTS => {
                    heard = Instant::now();
                    match frame {
                        Some(Ok(Message::Text(text))) => match parse::<Call>(text.as_bytes()) {
                            Ok(call) => {
                                if call.method == "presence" && let Some(state) = ws_methods::presence_of(&call) {
                                    presence = state;
                                }
                                calls.push(ws_methods::answer(chat, &session, follower, call));
                            }
                            Err(_) => return End::Close(close::PROTOCOL, "a frame has to be {id, method, params}"),
                        },
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Binary(_))) => return End::Close(close::PROTOCOL, "frames are text"),
                        Some(Err(error)) if is_too_large(&error) => return End::Close(close::TOO_LARGE, TOO_LARGE),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Lost,
                    }
                }
                _ = ping.tick() => {
                    let ping = send(socket, Message::Ping(Vec::new().into()));
                    if heard.elapsed() > silence || calls.beside(ping).await.is_err() {
                        return End::Lost;
                    }
                    follower.seen(presence);
                }
                () = &mut expired => return End::Close(close::UNAUTHORIZED, "the access token has expired"),
                () = &mut leaving => return End::Close(close::RESTART, STOPPING),
                _ = shutdown.changed() => return End::Close(close::GOING_AWAY, STOPPING),
            }
        }
    }
}

/// Requests of the client that are under way, and the answers that are to be written.
struct Calls<F> {
    running: FuturesUnordered<F>,
    answers: VecDeque<String>,
}

impl<F> Default for Calls<F> {
    fn default() -> Self {
        Self { running: FuturesUnordered::new(), answers: VecDeque::new() }
    }
}

impl<F: Future<Output = String>> Calls<F> {
    fn push(&mut self, call: F) {
        self.running.push(call);
    }

    fn len(&self) -> usize {
        self.running.len() + self.answers.len()
    }

    /// The next answer; none comes while nothing runs.
    async fn next(&mut self) -> String {
        if let Some(answer) = self.answers.pop_front() {
            return answer;
        }
        match self.running.next().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// Does something while the calls go on: one that stood still could hold what this waits for, or what others do.
    async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(answer) = self.running.next() => self.answers.push_back(answer),
            }
        }
    }
}

/// Completes when it is this stream's turn to end, once the server is about to stop: they do not come back all at once.
async fn leave(chat: &App) {
    let mut draining = chat.draining.subscribe();
    let drain_ms = chat.config.websocket.drain_ms;
    if drain_ms == 0 {
        // There is nowhere else to go: the server's end is the stream's.
        return std::future::pending().await;
    }
    if draining.wait_for(|draining| *draining).await.is_ok() {
        let part = u64::from(u16::from_be_bytes(chat.env.random()));
        tokio::time::sleep(Duration::from_millis(drain_ms.saturating_mul(part) >> 16)).await;
    }
}

const TOO_LARGE: &str = "a frame may have 256 KiB";
const STOPPING: &str = "the server is stopping";

fn is_too_large(error: &axum::Error) -> bool {
    use std::error::Error;
    let cause = error.source().and_then(|cause| cause.downcast_ref::<tungstenite::Error>());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
}

async fn write(socket: &mut WebSocket, frame: String) -> Result<(), ()> {
    send(socket, Message::Text(frame.into())).await
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), ()> {
    match timeout(WRITE_TIMEOUT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}

/// Says goodbye, and gives the client a moment to answer.
async fn end(mut socket: WebSocket, code: u16, reason: &'static str) {
    let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    if send(&mut socket, goodbye).await.is_ok() {
        let answer = async { while let Some(Ok(_)) = socket.recv().await {} };
        timeout(Duration::from_secs(2), answer).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn calls_go_on_while_something_else_is_waited_for() {
        let (first, holds) = oneshot::channel();
        let mut calls = Calls::default();
        calls.push(async move {
            first.send(()).ok();
            "done".to_owned()
        });
        timeout(Duration::from_secs(5), calls.beside(holds)).await.expect("it does not stand still").unwrap();
        assert_eq!((calls.len(), calls.next().await), (1, "done".to_owned()));
        assert!(timeout(Duration::from_millis(10), calls.next()).await.is_err(), "there is no other");
    }
}
