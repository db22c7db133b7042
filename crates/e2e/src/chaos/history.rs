//! What is recorded of a run: every operation, everything that followers took in, every fault.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Instant,
};

/// A moment of the run. Of two moments of which one lies before the other, the tick is lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment {
    /// Counts all moments that were recorded.
    pub tick: u64,
    /// Milliseconds since the run began.
    pub ms: u64,
}

/// What a client asks for. Rooms and events are meant by their ids, people by theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Sends a message under a transaction id.
    Send(String),
    /// Removes an event's content under a transaction id.
    Redact(String, String),
    /// Sets the topic to a text that nobody else ever sets.
    Topic(String),
    /// Creates a room.
    Create,
    /// Joins.
    Join,
    /// Leaves.
    Leave,
    /// Invites, kicks, bans or unbans somebody.
    Moderate(Moderation, String),
    /// Moves the read receipt to an event.
    Read(String),
    /// Sets account data of this type to a number.
    AccountData(String, u64),
    /// Sets a tag of the room to a number.
    Tag(String, u64),
    /// Sends the number to a device of a person.
    ToDevice(String, String, u64),
    /// Reads the newest events.
    History,
    /// Reads the members.
    Members,
    /// Reads the state.
    State,
}

/// What a member does to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moderation {
    /// Asks in.
    Invite,
    /// Removes.
    Kick,
    /// Removes and keeps out.
    Ban,
    /// Lets come again.
    Unban,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Acknowledged. With the id of the event or room that it made, if it made one; for a reading the ids that it
    /// brought (a history's newest first).
    Done(Vec<String>),
    /// Refused at the first attempt, with a status and an errcode: nothing was done.
    Refused(u16, String),
    /// Nobody knows.
    Unknown,
}

/// One operation of a client, over all its attempts.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Which client: an index into [`History::clients`].
    pub client: usize,
    /// The room, if it concerns one.
    pub room: String,
    /// What is asked for.
    pub action: Action,
    /// When it was first sent.
    pub invoked: Moment,
    /// When its last answer came, or it was given up.
    pub ended: Moment,
    /// How often it was sent.
    pub attempts: u32,
    /// What became of it.
    pub outcome: Outcome,
}

/// A device of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The person.
    pub user: String,
    /// The device.
    pub device: String,
}

/// What a follower took in at once: one answer or frame, with the gaps in it filled.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// When it was taken in.
    pub at: Moment,
    /// Whether it came over a WebSocket.
    pub socket: bool,
    /// The token that it was asked for with: the position of each shard, then of to-device messages.
    pub since: Vec<i64>,
    /// The token that it brought.
    pub next: Vec<i64>,
    /// Room and event, in the order of the answer.
    pub events: Vec<(String, String)>,
    /// Numbers of messages to the device.
    pub to_device: Vec<u64>,
}

/// A fault.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its kind.
    pub kind: &'static str,
    /// What exactly.
    pub what: String,
    /// When it began.
    pub begin: Moment,
    /// When it ended.
    pub end: Moment,
}

/// A run.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The clients. Each is also a follower.
    pub clients: Vec<Who>,
    /// All operations, in the order in which they ended.
    pub operations: Vec<Operation>,
    /// What each client's follower took in.
    pub followed: Vec<Vec<Batch>>,
    /// All faults.
    pub faults: Vec<Fault>,
    /// Answers that no server may give, and requests that hung.
    pub bad_answers: Vec<String>,
}

/// Records a run.
pub struct Recorder {
    begun: Instant,
    ticks: AtomicU64,
    history: Mutex<History>,
}

impl Recorder {
    /// Begins a record.
    #[must_use]
    pub fn new(clients: Vec<Who>) -> Self {
        let followed = clients.iter().map(|_| Vec::new()).collect();
        let history = History { clients, followed, ..History::default() };
        Self { begun: Instant::now(), ticks: AtomicU64::new(1), history: Mutex::new(history) }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Moment { tick: self.ticks.fetch_add(1, SeqCst), ms }
    }

    /// An operation has ended.
    pub fn operation(&self, operation: Operation) {
        self.with(|history| history.operations.push(operation));
    }

    /// A follower took something in.
    pub fn batch(&self, client: usize, batch: Batch) {
        self.with(|history| history.followed[client].push(batch));
    }

    /// A fault has ended.
    pub fn fault(&self, fault: Fault) {
        self.with(|history| history.faults.push(fault));
    }

    /// A server gave an answer that it may not give.
    pub fn bad_answer(&self, what: String) {
        let at = self.now();
        self.with(|history| history.bad_answers.push(format!("at {} ms: {what}", at.ms)));
    }

    /// Looks at what is there so far.
    pub fn with<T>(&self, look: impl FnOnce(&mut History) -> T) -> T {
        look(&mut self.history.lock().expect("nobody panics while holding it"))
    }

    /// Everything, at the end.
    pub fn take(&self) -> History {
        self.with(std::mem::take)
    }
}

impl Action {
    /// Its kind, for counting.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Send(_) => "send",
            Self::Redact(..) => "redact",
            Self::Topic(_) => "set topic",
            Self::Create => "create room",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Moderate(Moderation::Invite, _) => "invite",
            Self::Moderate(Moderation::Kick, _) => "kick",
            Self::Moderate(Moderation::Ban, _) => "ban",
            Self::Moderate(Moderation::Unban, _) => "unban",
            Self::Read(_) => "mark read",
            Self::AccountData(..) => "account data",
            Self::Tag(..) => "tag",
            Self::ToDevice(..) => "to-device",
            Self::History => "read history",
            Self::Members => "read members",
            Self::State => "read state",
        }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn reads(&self) -> bool {
        matches!(self, Self::History | Self::Members | Self::State)
    }
}

impl Operation {
    /// Whether it was acknowledged.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_))
    }

    /// Whether it may have had an effect.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused(..))
    }

    /// The event or room that it made, if it was acknowledged.
    #[must_use]
    pub fn made(&self) -> Option<&str> {
        let makes = matches!(self.action, Action::Send(_) | Action::Redact(..) | Action::Topic(_) | Action::Create);
        match &self.outcome {
            Outcome::Done(ids) if makes => ids.first().map(String::as_str),
            _ => None,
        }
    }
}
