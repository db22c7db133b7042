//! Randomness from a seed.

use std::time::Duration;

/// SplitMix64: the same seed makes the same choices.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of the choices, each as likely as its weight.
    pub fn weighted<T: Copy>(&mut self, choices: &[(usize, T)]) -> T {
        let mut at = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return *choice,
            }
        }
        choices[0].1
    }

    /// All of the choices, each as often as its weight, in some order: what is drawn from one deck after the other comes
    /// evenly.
    pub fn deck<T: Copy>(&mut self, choices: &[(usize, T)]) -> Vec<T> {
        let mut deck: Vec<T> = choices.iter().flat_map(|(weight, choice)| vec![*choice; *weight]).collect();
        for end in (1..deck.len()).rev() {
            deck.swap(end, self.below(end + 1));
        }
        deck
    }

    /// One of a slice, if it has any.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { all.get(self.below(all.len())) }
    }

    /// A time between two numbers of milliseconds.
    pub fn ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.next() % (to - from + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_and_all_of_them_come_up() {
        let (mut a, mut b) = (Random(7), Random(7));
        let mut counts = [0; 3];
        for _ in 0..1_000 {
            let choice = a.weighted(&[(1, 0), (0, 1), (9, 2)]);
            assert_eq!(choice, b.weighted(&[(1, 0), (0, 1), (9, 2)]));
            counts[choice] += 1;
        }
        assert!(counts[0] > 50 && counts[1] == 0 && counts[2] > 800, "{counts:?}");
        assert!((5..=9).contains(&a.ms(5, 9).as_millis()));
        let mut deck = a.deck(&[(1, 0), (3, 1)]);
        deck.sort_unstable();
        assert_eq!(deck, [0, 1, 1, 1]);
    }
}
