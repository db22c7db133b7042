//! A client that sends, one message after the other, and repeats what it has no answer to.

use std::sync::{Arc, atomic::Ordering::SeqCst};

use e2e::{User, Value, json};

use super::{Random, Run, encode};

/// A message that was acknowledged.
pub(crate) struct Sent {
    pub(crate) body: String,
    pub(crate) event_id: String,
    /// Whether an earlier attempt had an unknown outcome.
    pub(crate) repeated: bool,
}

pub(crate) struct Sender {
    pub(crate) run: Arc<Run>,
    pub(crate) user: User,
    pub(crate) index: usize,
    pub(crate) random: Random,
}

impl Sender {
    pub(crate) async fn send(mut self, count: usize) -> Vec<Sent> {
        let mut sent = Vec::with_capacity(count);
        for number in 0..count {
            let room = self.run.rooms[self.random.below(self.run.rooms.len())].clone();
            sent.push(self.send_one(&room, format!("{}-{number}", self.index)).await);
            self.run.acknowledged.fetch_add(1, SeqCst);
        }
        sent
    }

    async fn send_one(&self, room: &str, body: String) -> Sent {
        let path = format!("/_matrix/client/v3/rooms/{}/send/m.room.message/{body}", encode(room));
        let mut server = self.run.server.subscribe();
        let mut repeated = false;
        loop {
            let client = server.borrow_and_update().clone();
            let request = client.put(&path, json!({ "msgtype": "m.text", "body": body })).by(&self.user);
            match request.try_send().await {
                Ok((status, _, answer)) => {
                    let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
                    assert_eq!(status, 200, "{body}: {answer}");
                    let event_id = answer["event_id"].as_str().expect("an event id").to_owned();
                    return Sent { body, event_id, repeated };
                }
                Err(_) => {
                    repeated = true;
                    server.changed().await.expect("the server is started again");
                }
            }
        }
    }
}
