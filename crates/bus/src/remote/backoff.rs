//! How long to wait before the next attempt to connect.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Doubles from 50 ms to 1 s. Of each pause up to half is left out, differently at each node, so that a Redis that
/// comes back is not met by all at once.
pub(super) struct Backoff {
    next: Duration,
    random: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Backoff {
        Backoff { next: FIRST, random: seed }
    }

    /// It worked: begin with short pauses again.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The pause before the next attempt.
    pub(super) fn pause(&mut self) -> Duration {
        let longest = self.next;
        self.next = (longest * 2).min(LONGEST);
        // Knuth's 64-bit linear congruential generator; its upper bits are the good ones.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = u32::from((self.random >> 48) as u16);
        longest - longest * share / (2 * u32::from(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(7);
        for longest_ms in [50, 100, 200, 400, 800, 1000, 1000] {
            let (pause, longest) = (backoff.pause(), Duration::from_millis(longest_ms));
            assert!(pause <= longest && pause >= longest / 2, "{pause:?} of {longest:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }

    #[test]
    fn two_nodes_do_not_pause_alike() {
        assert_ne!(Backoff::new(1).pause(), Backoff::new(u64::MAX / 2).pause());
    }
}
