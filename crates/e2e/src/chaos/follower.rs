//! The follower of a device: takes in what is new, over one transport or the other, from one token to the next.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    client::{Call, LIMIT, Socket},
    history::{Batch, Recorder},
    random::Random,
};
use crate::{Client, Stream, StreamError, User, encode};

/// A long-poll waits for so long, milliseconds.
const POLL_MS: u64 = 5_000;
/// A socket that says nothing for so long is opened anew.
const SILENCE: Duration = Duration::from_secs(15);
/// Attempts to read a page of a gap.
const PAGE_ATTEMPTS: usize = 5;

/// What followers are to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Follow.
    Follow,
    /// Take in everything up to these positions, acknowledge it, and end.
    Finish(Vec<i64>),
}

/// A follower.
pub struct Follower {
    /// Of which client.
    pub index: usize,
    /// Of the load balancer.
    pub http: Client,
    /// The device.
    pub user: User,
    /// Where everything is recorded.
    pub recorder: Arc<Recorder>,
    /// Calls of the client, for the open socket.
    pub calls: mpsc::Receiver<Call>,
    /// Tells the client of the open socket.
    pub socket: Socket,
    /// Its choices.
    pub random: Random,
    /// Whether it prefers the WebSocket.
    pub prefers_socket: bool,
    /// Events in one answer and room at most.
    pub limit: usize,
    /// What to do.
    pub phase: watch::Receiver<Phase>,
    /// The last token.
    pub since: Option<String>,
    /// The events that were taken in.
    pub known: HashSet<String>,
}

/// Why something was not taken in: it will be asked for again.
#[derive(Debug)]
pub struct Lost;

impl Follower {
    /// Follows until everything is there.
    pub async fn run(mut self) {
        while *self.phase.borrow() == Phase::Follow {
            // Everybody tries the other transport at times, with the same tokens.
            let socket = self.prefers_socket != self.random.one_in(8);
            let until = Instant::now() + self.random.ms(2_000, 20_000);
            let kept = if socket { self.listen(until).await } else { self.poll(until).await };
            if kept.is_err() {
                sleep(self.random.ms(20, 300)).await;
            }
        }
        let Phase::Finish(heads) = self.phase.borrow().clone() else { return };
        let begun = Instant::now();
        while begun.elapsed() < LIMIT {
            let complete =
                |token: &String| positions(token).is_some_and(|at| at.iter().zip(&heads).all(|(p, h)| p >= h));
            let acknowledges = self.since.as_ref().is_some_and(complete);
            match self.sync(0).await {
                Ok(()) if acknowledges => return,
                Ok(()) => {}
                Err(Lost) => sleep(Duration::from_millis(100)).await,
            }
        }
        self.recorder.bad_answer(format!("client {} does not get to the end of the log", self.index));
    }

    /// Follows by long-polling.
    async fn poll(&mut self, until: Instant) -> Result<(), Lost> {
        while *self.phase.borrow() == Phase::Follow && Instant::now() < until {
            if self.random.one_in(30) {
                // The connection is lost, with or without an answer on its way.
                let patience = self.random.ms(1, 400);
                timeout(patience, self.ask(POLL_MS)).await.ok();
                continue;
            }
            self.sync(POLL_MS).await?;
        }
        Ok(())
    }

    /// One request, and its answer taken in.
    pub async fn sync(&mut self, timeout_ms: u64) -> Result<(), Lost> {
        let body = self.ask(timeout_ms).await?;
        self.take_in(&body, false).await
    }

    async fn ask(&self, timeout_ms: u64) -> Result<Value, Lost> {
        let path = format!("/_matrix/client/v3/sync?set_presence=offline&timeout={timeout_ms}&{}", self.query());
        self.get("sync", &path).await
    }

    fn query(&self) -> String {
        let filter = json!({ "presence": { "not_types": ["*"] },
            "room": { "timeline": { "limit": self.limit }, "ephemeral": { "not_types": ["*"] } } });
        let since = self.since.as_ref().map(|since| format!("since={}&", encode(since))).unwrap_or_default();
        format!("{since}filter={}", encode(&filter.to_string()))
    }

    async fn get(&self, what: &str, path: &str) -> Result<Value, Lost> {
        let wrong = |text: String| {
            self.recorder.bad_answer(format!("{what} of client {}: {text}", self.index));
            Lost
        };
        let answer = timeout(LIMIT, self.http.get(path).by(&self.user).try_send()).await;
        let answer = answer.map_err(|_| wrong(format!("no answer within {} s", LIMIT.as_secs())))?;
        let (status, _, body) = answer.map_err(|_| Lost)?;
        let json = serde_json::from_slice::<Value>(&body);
        match (status, json) {
            (200, Ok(json)) => Ok(json),
            (502 | 504, _) | (429 | 503, Ok(_)) => Err(Lost),
            _ => {
                Err(wrong(format!("{status} {}", String::from_utf8_lossy(&body).chars().take(300).collect::<String>())))
            }
        }
    }

    /// Follows over a WebSocket, which also carries the client's calls.
    async fn listen(&mut self, until: Instant) -> Result<(), Lost> {
        let query = format!("set_presence=offline&{}", self.query());
        let connecting = timeout(SILENCE, self.http.stream(&self.user, &query)).await.map_err(|_| Lost)?;
        let mut stream = connecting.map_err(|error| self.complain(&error))?;
        self.socket.open.store(true, SeqCst);
        let kept = self.carry(&mut stream, until).await;
        self.socket.open.store(false, SeqCst);
        // Calls that came too late have no answer.
        while self.calls.try_recv().is_ok() {}
        if let Some(code) = stream.close_code().filter(|code| !matches!(code, 1000 | 1001 | 1012)) {
            self.recorder.bad_answer(format!("the stream of client {} was closed with {code}", self.index));
        }
        kept
    }

    async fn carry(&mut self, stream: &mut Stream, until: Instant) -> Result<(), Lost> {
        let mut waiting: HashMap<String, oneshot::Sender<Value>> = HashMap::new();
        let mut calls = 0;
        let mut phase = self.phase.clone();
        while *phase.borrow_and_update() == Phase::Follow && Instant::now() < until {
            tokio::select! {
                frame = timeout(SILENCE, stream.next()) => {
                    let frame = frame.map_err(|_| Lost)?.map_err(|error| self.complain(&error))?.ok_or(Lost)?;
                    if let Some(id) = frame["id"].as_str() {
                        if let Some(answer) = waiting.remove(id) {
                            answer.send(frame).ok();
                        }
                        continue;
                    }
                    self.take_in(&frame, true).await?;
                    if self.random.one_in(5) {
                        let ack = json!({ "id": "ack", "method": "ack", "params": { "next_batch": self.since } });
                        stream.send(&ack.to_string()).await.map_err(|_| Lost)?;
                    }
                }
                Some(call) = self.calls.recv() => {
                    calls += 1;
                    let id = format!("c{calls}");
                    let text = json!({ "id": id, "method": call.method, "params": call.params }).to_string();
                    waiting.insert(id, call.answer);
                    stream.send(&text).await.map_err(|_| Lost)?;
                }
                _ = phase.changed() => {}
            }
        }
        Ok(())
    }

    fn complain(&self, error: &StreamError) -> Lost {
        let text = error.to_string();
        // What a server says that is there; everything else is the network.
        if text.contains("HTTP error") && !["429", "502", "503", "504"].iter().any(|status| text.contains(status)) {
            self.recorder.bad_answer(format!("the stream of client {}: {text}", self.index));
        }
        Lost
    }

    /// Takes in one answer, whole or (if a gap in it cannot be filled) not at all.
    async fn take_in(&mut self, body: &Value, socket: bool) -> Result<(), Lost> {
        let next = body["next_batch"].as_str().ok_or(Lost)?.to_owned();
        let mut events = Vec::new();
        for kind in ["join", "leave"] {
            for (room, update) in body["rooms"][kind].as_object().into_iter().flatten() {
                let timeline = &update["timeline"];
                if timeline["limited"] == true {
                    let gap = self.gap(room, timeline["prev_batch"].as_str().unwrap_or_default()).await?;
                    events.extend(gap.into_iter().map(|event| (room.clone(), event)));
                }
                events.extend(crate::event_ids(&timeline["events"]).into_iter().map(|event| (room.clone(), event)));
            }
        }
        self.known.extend(events.iter().map(|(_, event)| event.clone()));
        let messages = body["to_device"]["events"].as_array().into_iter().flatten();
        let batch = Batch {
            at: self.recorder.now(),
            socket,
            since: self.since.as_deref().and_then(positions).unwrap_or_default(),
            next: positions(&next).ok_or(Lost)?,
            events,
            to_device: messages.filter_map(|message| message["content"]["n"].as_u64()).collect(),
        };
        self.since = Some(next);
        self.recorder.batch(self.index, batch);
        Ok(())
    }

    /// The events between a known one and a place, oldest first.
    async fn gap(&self, room: &str, from: &str) -> Result<Vec<String>, Lost> {
        let (mut gap, mut from) = (Vec::new(), from.to_owned());
        loop {
            let page = self.page(room, &from).await?;
            for event in crate::event_ids(&page["chunk"]) {
                if self.known.contains(&event) {
                    gap.reverse();
                    return Ok(gap);
                }
                gap.push(event);
            }
            match page["end"].as_str() {
                Some(end) => from = end.to_owned(),
                None => {
                    gap.reverse();
                    return Ok(gap);
                }
            }
        }
    }

    async fn page(&self, room: &str, from: &str) -> Result<Value, Lost> {
        let path = self.http.room(room, &format!("messages?dir=b&limit=100&from={}", encode(from)));
        for attempt in 1..=PAGE_ATTEMPTS {
            match self.get("a gap", &path).await {
                Ok(page) => return Ok(page),
                Err(Lost) => sleep(Duration::from_millis(100 * attempt as u64)).await,
            }
        }
        Err(Lost)
    }
}

/// The positions in a sync token: of each shard, then of to-device messages.
pub fn positions(token: &str) -> Option<Vec<i64>> {
    let mut parts = token.strip_prefix("s1_")?.split('_');
    let shards = parts.next()?.split('.').map(|text| text.parse().ok());
    let mut positions = shards.collect::<Option<Vec<i64>>>()?;
    positions.push(parts.next()?.parse().ok()?);
    Some(positions)
}
