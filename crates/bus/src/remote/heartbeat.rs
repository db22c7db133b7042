//! The heartbeat of a connection: which pings have not come back, and when that begins to mean something.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// How often a ping is sent.
pub(super) const EVERY: Duration = Duration::from_millis(100);
/// A ping that has not come back for so long says that messages do not go through.
const LATE: Duration = Duration::from_millis(300);
/// After so long the connection is given up: a new one has better chances.
const HOPELESS: Duration = Duration::from_secs(1);

/// The pings of one connection.
#[derive(Default)]
pub(super) struct Heartbeat {
    sent: u64,
    unanswered: VecDeque<(u64, Instant)>,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pulse {
    /// Every ping came back, or still has time to.
    Regular,
    /// One is overdue.
    Late,
    /// One is overdue for so long that this connection will not recover.
    Hopeless,
}

impl Heartbeat {
    /// The number of the ping to send now.
    pub(super) fn beat(&mut self, now: Instant) -> u64 {
        self.sent += 1;
        self.unanswered.push_back((self.sent, now));
        self.sent
    }

    /// A ping came back. Returns how long it took, if it was waited for.
    pub(super) fn came_back(&mut self, number: u64, now: Instant) -> Option<Duration> {
        let place = self.unanswered.iter().position(|(waiting, _)| *waiting == number)?;
        self.unanswered.drain(..=place).next_back().map(|(_, sent)| now - sent)
    }

    pub(super) fn pulse(&self, now: Instant) -> Pulse {
        match self.unanswered.front().map(|(_, sent)| now - *sent) {
            Some(waited) if waited >= HOPELESS => Pulse::Hopeless,
            Some(waited) if waited >= LATE => Pulse::Late,
            _ => Pulse::Regular,
        }
    }

    /// When the pulse gets worse if nothing comes back.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let limit = if self.pulse(now) == Pulse::Regular { LATE } else { HOPELESS };
        self.unanswered.front().map(|(_, sent)| *sent + limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_ping_that_does_not_come_back_in_time_is_noticed_whatever_was_sent_after_it() {
        let (mut heartbeat, start) = (Heartbeat::default(), Instant::now());
        assert_eq!(heartbeat.deadline(start), None);
        for beat in 0..4 {
            heartbeat.beat(start + beat * EVERY);
        }
        assert_eq!(heartbeat.pulse(start + ms(299)), Pulse::Regular);
        assert_eq!(heartbeat.deadline(start + ms(299)), Some(start + ms(300)));
        assert_eq!(heartbeat.pulse(start + ms(300)), Pulse::Late);
        assert_eq!(heartbeat.deadline(start + ms(300)), Some(start + ms(1000)));
        assert_eq!(heartbeat.pulse(start + ms(1000)), Pulse::Hopeless);
    }

    #[test]
    fn a_ping_that_comes_back_answers_for_those_before_it() {
        let (mut heartbeat, start) = (Heartbeat::default(), Instant::now());
        let (first, second) = (heartbeat.beat(start), heartbeat.beat(start + ms(100)));
        assert_eq!(heartbeat.came_back(second, start + ms(120)), Some(ms(20)));
        assert_eq!(heartbeat.pulse(start + ms(5000)), Pulse::Regular);
        assert_eq!(heartbeat.came_back(first, start + ms(130)), None);
        assert_eq!(heartbeat.came_back(99, start + ms(130)), None);
    }
}
