//! Checks that every receiver got every acknowledged message exactly once, in one order.

use std::collections::HashMap;

use serde::Serialize;

/// What is wrong with what the receivers saw; all zero when nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Acknowledged messages that a receiver never got, summed over the receivers.
    pub lost: u64,
    /// Second and later copies of a message at a receiver.
    pub doubled: u64,
    /// Places where a receiver saw a message after one that another receiver saw later.
    pub reordered: u64,
}

impl Verdict {
    pub fn passed(&self) -> bool {
        *self == Self::default()
    }
}

/// `acknowledged` holds the sequence numbers that the server accepted; each log holds those that
/// one receiver got, in the order it got them. A message without an acknowledgement may arrive or
/// not, but never twice.
pub fn verify(acknowledged: &[u32], logs: &[Vec<u32>]) -> Verdict {
    let mut verdict = Verdict::default();
    let distinct: Vec<Vec<u32>> = logs
        .iter()
        .map(|log| {
            let firsts = first_copies(log);
            verdict.doubled += (log.len() - firsts.len()) as u64;
            firsts
        })
        .collect();
    // The most complete log serves as the order that all others must agree with.
    let Some(reference) = distinct.iter().max_by_key(|log| log.len()) else {
        return verdict;
    };
    let ranks: HashMap<u32, usize> = reference.iter().enumerate().map(|(i, s)| (*s, i)).collect();
    for log in &distinct {
        verdict.lost += lost(acknowledged, log);
        let order: Vec<usize> = log.iter().filter_map(|s| ranks.get(s).copied()).collect();
        verdict.reordered += order.windows(2).filter(|pair| pair[0] > pair[1]).count() as u64;
    }
    verdict
}

fn first_copies(log: &[u32]) -> Vec<u32> {
    let mut seen = Seen::default();
    log.iter().copied().filter(|s| seen.insert(*s)).collect()
}

fn lost(acknowledged: &[u32], log: &[u32]) -> u64 {
    let mut seen = Seen::default();
    for sequence in log {
        seen.insert(*sequence);
    }
    acknowledged.iter().filter(|s| !seen.contains(**s)).count() as u64
}

/// A set of sequence numbers, which are dense: a bit for each would do, a byte is simpler.
#[derive(Default)]
struct Seen(Vec<bool>);

impl Seen {
    /// Whether it was not yet there.
    fn insert(&mut self, sequence: u32) -> bool {
        let index = sequence as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, false);
        }
        !std::mem::replace(&mut self.0[index], true)
    }

    fn contains(&self, sequence: u32) -> bool {
        self.0.get(sequence as usize).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(lost: u64, doubled: u64, reordered: u64) -> Verdict {
        Verdict { lost, doubled, reordered }
    }

    #[test]
    fn equal_complete_logs_pass_in_whatever_order_the_server_chose() {
        let log = vec![2, 0, 1, 3];
        assert!(verify(&[0, 1, 2, 3], &[log.clone(), log]).passed());
    }

    #[test]
    fn a_lost_message_is_counted_at_each_receiver_that_misses_it() {
        let found = verify(&[0, 1, 2], &[vec![0, 1, 2], vec![0, 2], vec![0, 2]]);
        assert_eq!(found, verdict(2, 0, 0));
    }

    #[test]
    fn a_message_that_nobody_got_is_lost() {
        assert_eq!(verify(&[0, 1], &[vec![0], vec![0]]), verdict(2, 0, 0));
        assert_eq!(verify(&[0], &[vec![]]), verdict(1, 0, 0));
    }

    #[test]
    fn a_doubled_message_is_counted_even_when_it_comes_much_later() {
        let found = verify(&[0, 1, 2], &[vec![0, 1, 2, 0], vec![0, 1, 2]]);
        assert_eq!(found, verdict(0, 1, 0));
    }

    #[test]
    fn two_receivers_that_disagree_on_the_order_are_found() {
        let found = verify(&[0, 1, 2], &[vec![0, 1, 2], vec![0, 2, 1]]);
        assert_eq!(found, verdict(0, 0, 1));
    }

    #[test]
    fn a_loss_alone_is_not_taken_for_a_reordering() {
        let found = verify(&[0, 1, 2, 3], &[vec![1, 0, 3], vec![1, 0, 2, 3]]);
        assert_eq!(found, verdict(1, 0, 0));
    }

    #[test]
    fn a_message_of_unknown_outcome_may_be_missing_but_not_doubled() {
        assert!(verify(&[0], &[vec![0, 1], vec![0, 1]]).passed());
        assert!(verify(&[0], &[vec![0], vec![0]]).passed());
        assert_eq!(verify(&[0], &[vec![0, 1, 1]]), verdict(0, 1, 0));
    }
}
