//! A client that follows its rooms over one transport, from one token to the next, through the server's death.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use e2e::{Client, Stream, User, Value};

use super::{Run, encode};

const FILTER: &str =
    r#"{"presence":{"not_types":["*"]},"room":{"timeline":{"limit":200},"ephemeral":{"not_types":["*"]}}}"#;

#[derive(Clone, Copy)]
pub(crate) enum Transport {
    Sync,
    WebSocket,
}

pub(crate) struct Receiver {
    run: Arc<Run>,
    user: User,
    transport: Transport,
    since: String,
    /// The ids of every event since the start, by room.
    timelines: BTreeMap<String, Vec<String>>,
    index: usize,
}

/// The ids of messages in the order in which they came, by room.
type Seen = BTreeMap<String, Vec<String>>;

impl Receiver {
    /// Follows from here on.
    pub(crate) async fn new(run: Arc<Run>, index: usize, user: User, transport: Transport) -> Self {
        let client = run.server.borrow().clone();
        let first = client.get(&format!("/_matrix/client/v3/sync?filter={}", encode(FILTER))).by(&user).ok().await;
        let since = first["next_batch"].as_str().expect("a token").to_owned();
        Self { run, user, transport, since, timelines: BTreeMap::new(), index }
    }

    /// Runs until it has seen as many messages as were sent.
    pub(crate) async fn receive(mut self) -> Seen {
        while self.run.received[self.index].load(SeqCst) < self.run.sends {
            let client = self.run.server.borrow().clone();
            let ended = match self.transport {
                Transport::Sync => self.poll(&client).await,
                Transport::WebSocket => self.follow(&client).await,
            };
            if ended.is_none() {
                // The server is away: whatever was on its way is asked for again, from the last token.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        self.timelines
    }

    async fn poll(&mut self, client: &Client) -> Option<()> {
        let (since, filter) = (encode(&self.since), encode(FILTER));
        let path = format!("/_matrix/client/v3/sync?timeout=5000&since={since}&filter={filter}");
        let (status, _, body) = client.get(&path).by(&self.user).try_send().await.ok()?;
        let body: Value = serde_json::from_slice(&body).expect("an answer is JSON");
        assert_eq!(status, 200, "{body}");
        self.apply(client, &body).await
    }

    async fn follow(&mut self, client: &Client) -> Option<()> {
        let query = format!("since={}&filter={}", encode(&self.since), encode(FILTER));
        let mut stream: Stream = client.stream(&self.user, &query).await.ok()?;
        while self.run.received[self.index].load(SeqCst) < self.run.sends {
            let frame = stream.next().await.ok()??;
            self.apply(client, &frame).await?;
        }
        Some(())
    }

    /// Takes in one answer, whole or (if the server dies while a gap is being filled) not at all.
    async fn apply(&mut self, client: &Client, body: &Value) -> Option<()> {
        let mut news = Vec::new();
        for (room, update) in body["rooms"]["join"].as_object().into_iter().flatten() {
            let timeline = &update["timeline"];
            let mut events = match timeline["limited"].as_bool() {
                Some(true) => self.gap(client, room, timeline["prev_batch"].as_str()?).await?,
                _ => Vec::new(),
            };
            events.extend(messages(&timeline["events"]));
            news.push((room.clone(), events));
        }
        for (room, events) in news {
            self.run.received[self.index].fetch_add(events.len(), SeqCst);
            self.timelines.entry(room).or_default().extend(events);
        }
        self.since = body["next_batch"].as_str().expect("a token").to_owned();
        Some(())
    }

    /// The messages between the last known one and `from`, oldest first.
    async fn gap(&self, client: &Client, room: &str, from: &str) -> Option<Vec<String>> {
        let known = self.timelines.get(room).and_then(|timeline| timeline.last());
        let (mut gap, mut from) = (Vec::new(), from.to_owned());
        loop {
            let path =
                format!("/_matrix/client/v3/rooms/{}/messages?dir=b&limit=200&from={}", encode(room), encode(&from));
            let (status, _, page) = client.get(&path).by(&self.user).try_send().await.ok()?;
            let page: Value = serde_json::from_slice(&page).expect("an answer is JSON");
            assert_eq!(status, 200, "{page}");
            for event in messages(&page["chunk"]) {
                if Some(&event) == known {
                    gap.reverse();
                    return Some(gap);
                }
                gap.push(event);
            }
            match page["end"].as_str() {
                Some(end) => from = end.to_owned(),
                None => {
                    assert_eq!(known, None, "the last known event is not in the history of {room}");
                    gap.reverse();
                    return Some(gap);
                }
            }
        }
    }
}

fn messages(events: &Value) -> Vec<String> {
    let events = events.as_array().into_iter().flatten().filter(|event| event["type"] == "m.room.message");
    events.map(|event| event["event_id"].as_str().expect("an id").to_owned()).collect()
}
