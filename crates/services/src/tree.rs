//! A process and its descendants: found through /proc, stopped, continued, killed.

use std::{fs, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

const POLL: Duration = Duration::from_millis(1);

/// What /proc says of a process.
pub(crate) struct Status {
    state: char,
    pub(crate) parent: i32,
    group: i32,
}

impl Status {
    /// None if there is no such process (any more).
    pub(crate) fn of(pid: Pid) -> Option<Status> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may contain anything.
        let mut fields = text.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.chars().next()?;
        Some(Status { state, parent: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
    }

    /// Whether it has ended and nobody has asked for its result yet.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    fn stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// The processes that `pid`'s first thread has started.
pub(crate) fn children(pid: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)).collect()
}

/// The processes that live in a process group beside its leader.
pub(crate) fn others_in_group(leader: Pid) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
    let group = leader.as_raw_nonzero().get();
    all.filter(|pid| *pid != leader && Status::of(*pid).is_some_and(|s| s.group == group && !s.ended())).collect()
}

/// Stops a process and all of its descendants. None can be missed: a process is asked for its children when it can start
/// no more.
pub(crate) async fn freeze(root: Pid) -> Vec<Pid> {
    let mut frozen = Vec::new();
    let mut todo = vec![root];
    while let Some(pid) = todo.pop() {
        signal(pid, Signal::STOP);
        while Status::of(pid).is_some_and(|status| !status.stopped() && !status.ended()) {
            sleep(POLL).await;
        }
        todo.extend(children(pid));
        frozen.push(pid);
    }
    frozen
}

/// Lets a process and all of its descendants run on.
pub(crate) fn thaw(root: Pid) {
    // The children first: a parent that runs may think that a child which does not answer is broken.
    for child in children(root) {
        thaw(child);
    }
    signal(root, Signal::CONT);
}

/// Kills a process and all of its descendants, and waits until they are gone.
pub(crate) async fn kill(root: Pid) {
    let all = freeze(root).await;
    for pid in &all {
        signal(*pid, Signal::KILL);
    }
    for pid in all {
        gone(pid).await;
    }
}

/// Waits until a process has ended.
pub(crate) async fn gone(pid: Pid) {
    while Status::of(pid).is_some_and(|status| !status.ended()) {
        sleep(POLL).await;
    }
}

/// A process that has ended meanwhile needs no signal.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    kill_process(pid, signal).ok();
}
