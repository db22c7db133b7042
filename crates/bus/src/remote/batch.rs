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
    pub(super) async fn send(self, mut connection: MultiplexedConnection, node: Arc<Node>) -> Result<(), String> {
        if self.replies.is_empty() {
            return Ok(());
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
        let done = self.replies.into_iter().zip(answers).map(|(reply, answer)| settle(reply, answer, &node));
        // Each of them is settled, whatever became of the one before it.
        done.fold(Ok(()), Result::and)
    }
}

/// PUBLISH.
pub(super) fn publish(channel: &str, message: &[u8]) -> redis::Cmd {
    redis::cmd("PUBLISH").arg(channel).arg(message).take()
}

fn settle(reply: Reply, answer: Value, node: &Node) -> Result<(), String> {
    let failure = match (reply, answer) {
        (Reply::Message, Value::ServerError(error)) => error,
        (Reply::Message, _) => {
            node.count_published(1);
            return Ok(());
        }
        (_, Value::ServerError(error)) => error,
        (Reply::Change, _) => return Ok(()),
        (Reply::Read(asker), answer) => {
            // An answer that cannot be read is dropped, and with it the asker's hope. Nobody may be waiting any more.
            if let Ok(values) = values::read(answer) {
                asker.send(values).ok();
            }
            return Ok(());
        }
    };
    node.count_dropped_out(1);
    tracing::debug!(name: "bus.refused", error = %failure, "Redis did not do what it was asked to");
    match failure.kind() {
        // Somebody else is responsible now.
        Some(ServerErrorKind::Moved | ServerErrorKind::ReadOnly) => Err(failure.to_string()),
        _ => Ok(()),
    }
}
