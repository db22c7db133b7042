//! The sync token: where a client stands in each shard's log, which to-device messages it has, and a stamp for what is
//! not in any log (typing, presence).
//!
//! Written `s1_<shard 0>.<shard 1>…_<to-device>_<generation>.<clock>`. Positions never regress, on any node; the stamp is
//! only good on the node and for the lifetime of the in-memory user that gave it out, and is ignored elsewhere.

use std::{fmt, str::FromStr};

/// Where a client stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The position in each shard's log, by shard.
    pub shards: Vec<i64>,
    /// The position of the last to-device message delivered.
    pub to_device: i64,
    /// What else the client was told of.
    pub stamp: Stamp,
}

/// How much a client was told of what is in no log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Which in-memory user counted.
    pub generation: u64,
    /// The user's clock.
    pub clock: u64,
}

impl Token {
    /// By how many commits it is ahead of logs that end here, where it is most.
    pub(crate) fn ahead_of(&self, ends: &[i64]) -> i64 {
        let ahead = self.shards.iter().zip(ends).map(|(pos, end)| pos.saturating_sub(*end));
        ahead.max().unwrap_or(0).max(0)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("s1_")?;
        for (index, pos) in self.shards.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            write!(f, "{pos}")?;
        }
        write!(f, "_{}_{:x}.{}", self.to_device, self.stamp.generation, self.stamp.clock)
    }
}

/// A text that is no sync token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a sync token of this server")]
pub struct InvalidToken;

impl FromStr for Token {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let mut parts = text.strip_prefix("s1_").ok_or(InvalidToken)?.split('_');
        let mut part = || parts.next().ok_or(InvalidToken);
        let shards = part()?.split('.').map(position).collect::<Result<Vec<_>, _>>()?;
        let to_device = position(part()?)?;
        let (generation, clock) = part()?.split_once('.').ok_or(InvalidToken)?;
        let stamp = Stamp {
            generation: u64::from_str_radix(generation, 16).map_err(|_| InvalidToken)?,
            clock: clock.parse().map_err(|_| InvalidToken)?,
        };
        if part().is_ok() || shards.len() > 1024 {
            return Err(InvalidToken);
        }
        Ok(Self { shards, to_device, stamp })
    }
}

fn position(text: &str) -> Result<i64, InvalidToken> {
    // `parse` would take a sign.
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidToken);
    }
    text.parse().map_err(|_| InvalidToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_way_to_the_client_and_back() {
        let token = Token { shards: vec![7, 0, 12], to_device: 3, stamp: Stamp { generation: 0xabc, clock: 9 } };
        assert_eq!(token.to_string(), "s1_7.0.12_3_abc.9");
        assert_eq!(token.to_string().parse(), Ok(token));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "s1",
            "s1_",
            "s1_1_2",
            "s1_-1_2_a.1",
            "s1_1_2_a.1_5",
            "s2_1_2_a.1",
            "s1_1_2_g.1",
            "s1_9999999999999999999_0_a.1",
        ] {
            assert_eq!(text.parse::<Token>(), Err(InvalidToken), "{text}");
        }
    }
}
