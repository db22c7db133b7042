//! What is sent to Redis at once: all that waited, in one write, with its replies.

use std::sync::Arc;

use redis::{Pipeline, ServerErrorKind, Value, aio::MultiplexedConnection, pipe};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::Instant,
};

use super::{
    names::Names,
    outgoing::{Command, Outgoing},
    values::{self, Values},
};
use crate::{node::Node, queue::Held};

/// Commands in order.
pub(super) struct Batch {
    commands: Pipeline,
    replies: Vec<Reply>,
    /// The room that they take in the outbox until they are done with.
    room: Option<OwnedSemaphorePermit>,
}

/// What became of something that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It arrived.
    Done,
    /// It arrived at a server that says that another one is responsible.
    NotHere,
}

/// Who learns what a command came to.
enum Reply {
    Message,
    Change,
    Read(oneshot::Sender<Values>),
}

impl Batch {
    /// Takes what is still worth sending and counts the rest.
    pub(super) fn new(waiting: impl Iterator<Item = Held<Outgoing>>, names: &Names, node: &Node) -> Batch {
        let mut batch = Batch { commands: pipe(), replies: Vec::new(), room: None };
        let now = Instant::now();
        for Held { item, room } in waiting {
            match item.fresh(now) {
                Some(command) => batch.add(command, names),
                None => node.count_dropped_out(1),
            }
            match &mut batch.room {
                Some(all) => all.merge(room),
                None => batch.room = Some(room),
            }
        }
        batch
    }

    fn add(&mut self, command: Command, names: &Names) {
        let (command, reply) = match command {
            Command::Publish(message) => (publish(&names.hints, &message), Reply::Message),
            Command::Put { kind, id, value, ttl } => (values::put(names, &kind, &id, &value, ttl), Reply::Change),
            Command::Remove { kind, id } => (values::remove(names, &kind, &id), Reply::Change),
            Command::All { kind, reply } => (values::all(names, &kind), Reply::Read(reply)),
        };
        self.commands.add_command(command);
        self.replies.push(reply);
    }

    /// Sends it and deals with the replies.
    ///
    /// # Errors
    /// Why the connection is of no use any more.
    pub(super) async fn send(self, mut connection: MultiplexedConnection, node: Arc<Node>) -> Result<Outcome, String> {
        if self.replies.is_empty() {
            return Ok(Outcome::Done);
        }
        let count = self.replies.len();
        let answers = match connection.send_packed_commands(&self.commands, 0, count).await {
            Ok(answers) => answers,
            Err(error) => {
                node.count_dropped_out(count as u64);
                return Err(error.to_string());
            }
        };
        drop(self.room);
        let settled = self.replies.into_iter().zip(answers).map(|(reply, answer)| settle(reply, answer, &node));
        Ok(settled.fold(Outcome::Done, |all, one| if one == Outcome::Done { all } else { one }))
    }
}

/// PUBLISH.
pub(super) fn publish(channel: &str, message: &[u8]) -> redis::Cmd {
    redis::cmd("PUBLISH").arg(channel).arg(message).take()
}

fn settle(reply: Reply, answer: Value, node: &Node) -> Outcome {
    if let Value::ServerError(error) = answer {
        node.count_dropped_out(1);
        tracing::debug!(name: "bus.refused", %error, "Redis did not do what it was asked to");
        let not_here = matches!(error.kind(), Some(ServerErrorKind::Moved | ServerErrorKind::ReadOnly));
        return if not_here { Outcome::NotHere } else { Outcome::Done };
    }
    match reply {
        Reply::Message => node.count_published(1),
        Reply::Change => {}
        // An answer that cannot be read is dropped, and with it the asker's hope. Nobody may be waiting any more.
        Reply::Read(asker) => {
            if let Ok(values) = values::read(answer) {
                asker.send(values).ok();
            }
        }
    }
    Outcome::Done
}
