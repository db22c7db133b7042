//! What waits to be sent, and until when it is worth sending.

use std::time::Duration;

use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};

use super::values::Values;

/// After so long the other nodes have found out what a message would tell them.
const STALE: Duration = Duration::from_secs(1);

/// Something for Redis to do.
pub(super) enum Command {
    /// Tell all others this, with the sender in front.
    Publish(Vec<u8>),
    /// Keep a value.
    Put { kind: String, id: String, value: Bytes, ttl: Duration },
    /// Remove one.
    Remove { kind: String, id: String },
    /// Read all of a kind. Whoever asks sees that the reply is dropped.
    All { kind: String, reply: oneshot::Sender<Values> },
}

/// A command, and since when it waits.
pub(super) struct Outgoing {
    command: Command,
    since: Instant,
}

impl Outgoing {
    pub(super) fn new(command: Command) -> Outgoing {
        Outgoing { command, since: Instant::now() }
    }

    /// The bytes of the caller's that it holds.
    pub(super) fn len(&self) -> usize {
        match &self.command {
            Command::Publish(message) => message.len(),
            Command::Put { kind, id, value, .. } => kind.len() + id.len() + value.len(),
            Command::Remove { kind, id } => kind.len() + id.len(),
            Command::All { kind, .. } => kind.len(),
        }
    }

    /// The command, if it is still worth sending; a value's time has run while it waited.
    pub(super) fn fresh(self, now: Instant) -> Option<Command> {
        let waited = now - self.since;
        match self.command {
            Command::Publish(_) if waited > STALE => None,
            Command::Put { ttl, .. } if ttl <= waited => None,
            Command::All { reply, .. } if reply.is_closed() => None,
            Command::Put { kind, id, value, ttl } => Some(Command::Put { kind, id, value, ttl: ttl - waited }),
            command => Some(command),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_waited_too_long_is_not_sent() {
        let now = Instant::now();
        assert!(Outgoing::new(Command::Publish(vec![])).fresh(now + STALE / 2).is_some());
        assert!(Outgoing::new(Command::Publish(vec![])).fresh(now + STALE * 2).is_none());
    }

    #[test]
    fn a_value_expires_while_it_waits() {
        let put = |ttl| Outgoing::new(Command::Put { kind: "k".into(), id: "i".into(), value: Bytes::new(), ttl });
        let later = Instant::now() + Duration::from_secs(4);
        assert!(put(Duration::from_secs(2)).fresh(later).is_none());
        let Some(Command::Put { ttl, .. }) = put(Duration::from_secs(10)).fresh(later) else { panic!("dropped") };
        assert!(ttl <= Duration::from_secs(7), "{ttl:?}");
    }
}
