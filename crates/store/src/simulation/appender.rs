//! A node's connection to the model: calls take their time on the way there and back, and sometimes come to nothing.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{
    Broken, Model,
    tables::{Order, Tables},
};
use crate::{
    command::{Append, Command, Failure, Key, Reply},
    error::{Error, Result},
    log::{Record, Shard},
};

/// How long a node waits for the database to answer.
const SILENCE: Duration = Duration::from_millis(400);

pub(super) struct Appender {
    pub(super) model: Model,
    pub(super) nonce: [u8; 8],
}

/// What befalls a call.
enum Luck {
    Good,
    /// The connection was broken before anything was sent.
    NeverArrives,
    /// The connection breaks so long after the call was sent: the database goes on with it.
    BreaksAfter(Duration),
}

impl Append for Appender {
    async fn append(&mut self, shard: Shard, batch: &[(&Command, &Key)]) -> Result<Reply, Failure> {
        let orders: Vec<_> = batch.iter().map(|(command, key)| Order::new(command, key)).collect();
        let (luck, there, back) = {
            let mut inner = self.model.inner.lock();
            let (trouble, random) = (inner.trouble, &mut inner.random);
            let luck = match random.chance(trouble) {
                false => Luck::Good,
                true if random.chance(25) => Luck::NeverArrives,
                true => Luck::BreaksAfter(random.pause(0, 40)),
            };
            (luck, random.delay(4, 60), random.delay(4, 60))
        };
        sleep(there).await;
        let patience = match luck {
            Luck::NeverArrives => return Err(Failure::Unknown("the connection was closed".into())),
            Luck::BreaksAfter(time) => time,
            Luck::Good => SILENCE,
        };
        let (done, answer) = oneshot::channel();
        let model = self.model.clone();
        // Ends by itself, whatever becomes of the node that asked for it.
        tokio::spawn(async move {
            done.send(transaction(&model, shard, &orders).await).ok();
        });
        let answer = async {
            let answer = answer.await;
            sleep(back).await;
            answer
        };
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => answer,
            _ => Err(Failure::Unknown("the connection broke".into())),
        }
    }

    async fn record(&self, shard: Shard, pos: i64) -> Result<Option<Record>> {
        Ok(self.model.records(shard, pos - 1, pos).await?.pop())
    }

    fn nonce(&self) -> [u8; 8] {
        self.nonce
    }
}

/// What the database does with a call of `commit_batch`.
async fn transaction(model: &Model, shard: Shard, orders: &[Order]) -> Result<Reply, Failure> {
    let (begin, work, sync) = {
        let random = &mut model.inner.lock().random;
        (random.delay(3, 200), random.pause(0, 3), random.delay(4, 60))
    };
    let generation = model.connect()?;
    sleep(begin).await;
    let stale = model.snapshot(shard, generation)?;
    let _held = model.lock(shard, generation).await?;
    // A statement of its own, whose snapshot is taken under the lock.
    let (heads, ran) = {
        let inner = model.running(generation)?;
        if inner.full {
            return Err(Failure::Refused(Error::Full));
        }
        let now = &inner.rows[shard as usize].tables;
        let heads = inner.rows.iter().map(|row| row.tables.head).collect();
        (heads, stale.as_ref().unwrap_or(now).run(orders))
    };
    let (delta, fates) = ran.map_err(Failure::Refused)?;
    sleep(work + sync).await;
    let (epoch, records) = (delta.epoch, delta.records.clone());
    let mut inner = model.running(generation)?;
    if !delta.is_empty() {
        inner.commit(shard, delta);
    }
    Ok(Reply { epoch, heads, fates, records })
}

impl Model {
    /// What a commit function that read before it had the lock would work on.
    fn snapshot(&self, shard: Shard, generation: u64) -> Result<Option<Tables>, Failure> {
        let inner = self.running(generation)?;
        Ok((inner.settings.broken == Broken::StaleSnapshot).then(|| inner.rows[shard as usize].tables.clone()))
    }
}
