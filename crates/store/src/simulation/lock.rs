//! The lock of a shard's row: one transaction has it, others wait, some not long enough.

use std::{collections::VecDeque, time::Duration};

use tokio::{sync::oneshot, time::timeout};

use super::{Broken, Model};
use crate::{command::Failure, log::Shard};

/// How long a transaction waits for the lock.
const LOCK_TIMEOUT: Duration = Duration::from_millis(120);

#[derive(Default)]
pub(super) struct Lock {
    held: bool,
    waiting: VecDeque<oneshot::Sender<()>>,
}

/// The lock, held until this is dropped or the database ends.
pub(super) struct Held {
    model: Model,
    shard: Shard,
    generation: u64,
}

impl Model {
    /// Waits for the lock of the shard.
    pub(super) async fn lock(&self, shard: Shard, generation: u64) -> Result<Option<Held>, Failure> {
        let turn = {
            let mut inner = self.running(generation)?;
            if inner.settings.broken == Broken::NoLock {
                return Ok(None);
            }
            let lock = &mut inner.rows[shard as usize].lock;
            if lock.held {
                let (turn, wait) = oneshot::channel();
                lock.waiting.push_back(turn);
                Some(wait)
            } else {
                lock.held = true;
                None
            }
        };
        if let Some(turn) = turn {
            match timeout(LOCK_TIMEOUT, turn).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Failure::Unknown("the database has ended".into())),
                Err(_) => return Err(Failure::Unknown("the lock was not to be had in time".into())),
            }
        }
        Ok(Some(Held { model: self.clone(), shard, generation }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut inner = self.model.inner.lock();
        if inner.generation != self.generation {
            return;
        }
        let fair = inner.settings.fair_locks;
        let mut random = inner.random.fork();
        let lock = &mut inner.rows[self.shard as usize].lock;
        while !lock.waiting.is_empty() {
            let next = if fair { 0 } else { random.below(lock.waiting.len()) };
            // Who gave up waiting is passed over.
            if lock.waiting.remove(next).is_some_and(|turn| turn.send(()).is_ok()) {
                return;
            }
        }
        lock.held = false;
    }
}
