//! What is printed of a run.

use std::{collections::BTreeMap, fmt};

use super::{
    faults::is_kill,
    history::{Action, History, Outcome},
};

/// What became of a run.
#[derive(Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// How many nodes were killed.
    pub kills: usize,
    /// How many faults there were, kills included.
    pub faults: usize,
    /// How many operations.
    pub operations: usize,
    /// What was wrong.
    pub violations: Vec<String>,
    /// What it should have had and did not.
    pub missing: Vec<String>,
    tables: String,
}

/// How long a fault may be felt after its end, milliseconds.
const AFTERMATH_MS: u64 = 3_000;

/// Operations of a kind: their number, how many were acknowledged, refused, unknown, and the times that acknowledged ones took.
#[derive(Default)]
struct Count {
    done: usize,
    refused: usize,
    unknown: usize,
    repeated: usize,
    times_ms: Vec<u64>,
}

impl Report {
    /// Of a checked run.
    pub(super) fn new(seed: u64, history: &History, violations: Vec<String>, missing: Vec<String>) -> Self {
        let (kills, faults, operations) = (kills(history), history.faults.len(), history.operations.len());
        let tables = format!("{}\n{}\n{}", of_faults(history), of_operations(history), of_followers(history));
        Self { seed, kills, faults, operations, violations, missing, tables }
    }
}

fn kills(history: &History) -> usize {
    history.faults.iter().filter(|fault| is_kill(fault.kind)).count()
}

/// What a long run had none of: faults of these kinds, deaths, operations of unknown outcome.
pub(super) fn missing(history: &History, kinds: impl Iterator<Item = &'static str>) -> Vec<String> {
    let happened = |kind: &&str| history.faults.iter().any(|fault| fault.kind == *kind);
    let mut missing: Vec<_> = kinds.filter(|kind| !happened(kind)).map(|kind| format!("a fault: {kind}")).collect();
    if kills(history) == 0 {
        missing.push("the death of a node".into());
    }
    if !history.operations.iter().any(|operation| operation.outcome == Outcome::Unknown) {
        missing.push("an operation of unknown outcome".into());
    }
    missing
}

/// Each kind of fault: how often, how long, and the longest time from its begin to some seconds after its end in which
/// nothing that anybody sent was acknowledged.
fn of_faults(history: &History) -> String {
    let sends = history.operations.iter().filter(|o| o.is_done() && matches!(o.action, Action::Send(_)));
    let mut acknowledged: Vec<_> = sends.map(|operation| operation.ended.ms).collect();
    acknowledged.sort_unstable();
    let mut kinds: BTreeMap<&str, (usize, u64, u64)> = BTreeMap::new();
    for fault in &history.faults {
        let (begin, end) = (fault.begin.ms, fault.end.ms + AFTERMATH_MS);
        let within: Vec<_> = acknowledged.iter().copied().filter(|at| (begin..end).contains(at)).collect();
        let moments = [begin].into_iter().chain(within);
        let silence = moments.clone().zip(moments.skip(1)).map(|(a, b)| b - a).max().unwrap_or(end - begin);
        let kind = kinds.entry(fault.kind).or_default();
        *kind = (kind.0 + 1, kind.1 + fault.end.ms - begin, kind.2.max(silence));
    }
    let mut text = format!("{:<40}{:>7}{:>12}{:>21}\n", "fault", "times", "seconds", "longest silence, ms");
    for (kind, (count, ms, silence)) in kinds {
        text += &format!("{kind:<40}{count:>7}{:>12.1}{silence:>21}\n", ms as f64 / 1e3);
    }
    text
}

fn of_operations(history: &History) -> String {
    let mut kinds: BTreeMap<&str, Count> = BTreeMap::new();
    for operation in &history.operations {
        let count = kinds.entry(operation.action.kind()).or_default();
        count.repeated += usize::from(operation.attempts > 1);
        match operation.outcome {
            Outcome::Done(_) => {
                count.done += 1;
                count.times_ms.push(operation.ended.ms - operation.invoked.ms);
            }
            Outcome::Refused(..) => count.refused += 1,
            Outcome::Unknown => count.unknown += 1,
        }
    }
    let mut text = format!(
        "{:<16}{:>8}{:>9}{:>9}{:>10}{:>9}{:>9}{:>9}\n",
        "operation", "done", "refused", "unknown", "repeated", "p50 ms", "p99 ms", "max ms"
    );
    for (kind, Count { done, refused, unknown, repeated, mut times_ms }) in kinds {
        times_ms.sort_unstable();
        let at = |part: usize| times_ms.get(times_ms.len().saturating_sub(1) * part / 100).copied().unwrap_or(0);
        let (p50, p99, max) = (at(50), at(99), at(100));
        text += &format!("{kind:<16}{done:>8}{refused:>9}{unknown:>9}{repeated:>10}{p50:>9}{p99:>9}{max:>9}\n");
    }
    text
}

fn of_followers(history: &History) -> String {
    let batches = || history.followed.iter().flatten();
    let socket = batches().filter(|batch| batch.socket).count();
    let events: usize = batches().map(|batch| batch.events.len()).sum();
    let to_device: usize = batches().map(|batch| batch.to_device.len()).sum();
    format!(
        "{} followers took in {events} events and {to_device} messages to devices, in {socket} frames and {} answers\n",
        history.followed.len(),
        batches().count() - socket
    )
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}", self.tables)?;
        const SHOWN: usize = 40;
        for violation in self.violations.iter().take(SHOWN) {
            writeln!(f, "violation (seed {}): {violation}", self.seed)?;
        }
        if self.violations.len() > SHOWN {
            writeln!(f, "… and {} more", self.violations.len() - SHOWN)?;
        }
        for missing in &self.missing {
            writeln!(f, "missing (seed {}): {missing}", self.seed)?;
        }
        let Self { kills, faults, operations, violations, .. } = self;
        write!(f, "kills {kills}, faults {faults}, operations {operations}, violations {}", violations.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::history::{Fault, Moment},
        *,
    };

    #[test]
    fn a_run_that_lacks_something_says_what() {
        let fault = |kind| Fault { kind, what: String::new(), begin: Moment::default(), end: Moment::default() };
        let mut history = History { faults: vec![fault("Redis killed")], ..History::default() };
        let kinds = || ["kill before commit", "Redis killed"].into_iter();
        let lacks = ["a fault: kill before commit", "the death of a node", "an operation of unknown outcome"];
        assert_eq!(missing(&history, kinds()), lacks);
        history.faults.push(fault("kill before commit"));
        assert_eq!(missing(&history, kinds()), lacks[2..]);
    }
}
