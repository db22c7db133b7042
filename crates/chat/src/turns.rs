//! One at a time for each key: who comes second waits, and finds what the first has done.

use std::sync::Arc;

use dashmap::DashMap;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// The turns of many keys. Knows only those that somebody has or waits for.
#[derive(Default)]
pub(crate) struct Turns(DashMap<Arc<str>, Arc<Mutex<()>>>);

/// A turn, which ends when it is dropped, also while it is still waited for.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    key: Arc<str>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else has the key.
    pub(crate) async fn take(&self, key: &Arc<str>) -> Turn<'_> {
        let mut turn = Turn { turns: self, key: key.clone(), held: None };
        let lock = self.0.entry(key.clone()).or_default().clone();
        turn.held = Some(lock.lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        self.turns.0.remove_if(&self.key, |_, lock| Arc::strong_count(lock) == 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_key_that_nobody_waits_for_any_more_is_forgotten() {
        let (turns, key) = (Turns::default(), Arc::from("!room"));
        let first = turns.take(&key).await;
        let second = tokio::time::timeout(Duration::from_millis(5), turns.take(&key)).await;
        assert!(second.is_err(), "one at a time");
        drop(second);
        assert_eq!(turns.0.len(), 1);
        drop(first);
        assert!(turns.0.is_empty());
        drop(turns.take(&key).await);
        assert!(turns.0.is_empty());
    }
}
