//! A client that does one thing after the other, and repeats what it has no answer to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    calls::{self, Meaning},
    history::{Action, Operation, Outcome, Recorder},
    random::Random,
    world::World,
};
use crate::User;

/// A request that takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(60);
/// How long an operation is tried, and how often at most.
const GIVE_UP: Duration = Duration::from_secs(45);
const ATTEMPTS: u32 = 12;

/// A call over the socket that the client's follower has open.
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// Its parameters.
    pub params: Value,
    /// Gets the frame that answers it; nothing if the connection ends before.
    pub answer: oneshot::Sender<Value>,
}

/// The client's way to its follower's socket.
#[derive(Clone)]
pub struct Socket {
    /// Where calls go.
    pub calls: mpsc::Sender<Call>,
    /// Whether one is open.
    pub open: Arc<AtomicBool>,
}

/// A client.
pub struct Client {
    /// Which one.
    pub index: usize,
    /// Of the load balancer.
    pub http: crate::Client,
    /// Its device.
    pub user: User,
    /// Where everything is recorded.
    pub recorder: Arc<Recorder>,
    /// What it believes of the rooms.
    pub world: Arc<World>,
    /// The socket of its follower.
    pub socket: Socket,
    /// Its choices.
    pub random: Random,
    /// How long it pauses between two operations, milliseconds on average.
    pub pause_ms: u64,
}

impl Client {
    /// Does things until told to stop.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            sleep(self.random.ms(self.pause_ms / 2, self.pause_ms * 3 / 2)).await;
            let chosen = (0..20).find_map(|_| self.world.choose(self.index, &mut self.random));
            if let Some((room, action)) = chosen {
                self.perform(&room, action).await;
            }
        }
    }

    /// Does one thing, and records it.
    pub async fn perform(&mut self, room: &str, action: Action) -> Outcome {
        let invoked = self.recorder.now();
        let begun = Instant::now();
        let mut attempts = 0;
        let outcome = loop {
            attempts += 1;
            match self.attempt(room, &action).await {
                Meaning::Done(ids) => break Outcome::Done(ids),
                Meaning::Refused(status, errcode) if attempts == 1 => break Outcome::Refused(status, errcode),
                // An earlier attempt may be what makes this one impossible.
                Meaning::Refused(..) => break Outcome::Unknown,
                Meaning::Wrong(what) => self.recorder.bad_answer(format!("{action:?} in {room:?}: {what}")),
                Meaning::Again => {}
            }
            // Without a transaction id another attempt would make another room.
            if attempts >= ATTEMPTS || begun.elapsed() > GIVE_UP || action == Action::Create {
                break Outcome::Unknown;
            }
            sleep(self.random.ms(50, 500)).await;
        };
        let (client, ended) = (self.index, self.recorder.now());
        let operation = Operation { client, room: room.to_owned(), action, invoked, ended, attempts, outcome };
        if operation.is_done() {
            self.world.learn(client, room, &operation.action, operation.made());
        }
        let outcome = operation.outcome.clone();
        self.recorder.operation(operation);
        outcome
    }

    async fn attempt(&mut self, room: &str, action: &Action) -> Meaning {
        let hung = |_| Meaning::Wrong(format!("no answer within {} s", LIMIT.as_secs()));
        if let Some((method, params)) = calls::call(room, action)
            && self.socket.open.load(SeqCst)
            && !self.random.one_in(4)
        {
            let answer = timeout(LIMIT, over_socket(&self.socket, method, params)).await;
            return answer.map_or_else(hung, |frame| frame.map_or(Meaning::Again, |f| calls::over_socket(action, &f)));
        }
        let request = calls::request(&self.http, &self.user, room, action);
        match timeout(LIMIT, request.try_send()).await {
            Err(elapsed) => hung(elapsed),
            // The connection ended before the answer, or could not be made.
            Ok(Err(_)) => Meaning::Again,
            Ok(Ok((status, _, body))) => calls::over_http(action, status, &body),
        }
    }
}

async fn over_socket(socket: &Socket, method: &'static str, params: Value) -> Option<Value> {
    let (answer, frame) = oneshot::channel();
    socket.calls.send(Call { method, params, answer }).await.ok()?;
    frame.await.ok()
}
