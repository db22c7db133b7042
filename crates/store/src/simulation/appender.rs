//! A node's connection to the model: calls take their time on the way there and back, and sometimes come to nothing.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{
    Broken, Model,
    tables::{Delta, Order, Tables},
};
use crate::{
    command::{self, Append, Failure, Fate, Reply, push_record},
    error::{Error, Result},
    log::{Committed, Head, Record, Shard},
};

/// How long a node waits for the database to answer.
const SILENCE: Duration = Duration::from_millis(400);

pub(super) struct Appender {
    pub(super) model: Model,
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
    async fn append(&mut self, batch: &[command::Order<'_>]) -> Result<Reply, Failure> {
        let by_shard = batch.chunk_by(|one, next| one.shard == next.shard);
        let orders: Vec<_> =
            by_shard.map(|orders| (orders[0].shard, orders.iter().map(Order::new).collect::<Vec<_>>())).collect();
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
            done.send(transaction(&model, &orders).await).ok();
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
}

/// What the database does with a call of `commit_batch`.
async fn transaction(model: &Model, orders: &[(Shard, Vec<Order>)]) -> Result<Reply, Failure> {
    let (begin, work, sync) = {
        let random = &mut model.inner.lock().random;
        (random.delay(3, 200), random.pause(0, 3), random.delay(4, 60))
    };
    let generation = model.connect()?;
    sleep(begin).await;
    let mut shards: Vec<_> = orders.iter().map(|(shard, _)| *shard).collect();
    shards.sort_unstable();
    let stale = model.snapshot(generation)?;
    let mut held = Vec::new();
    for shard in shards {
        held.push(model.lock(shard, generation).await?);
    }
    // A statement of its own, whose snapshot is taken under the locks.
    let (heads, ran) = {
        let inner = model.running(generation)?;
        if inner.full {
            return Err(Failure::Refused(Error::Full, None));
        }
        let now: Vec<_> = inner.rows.iter().map(|row| &row.tables).collect();
        let heads = now.iter().map(|tables| Head { epoch: tables.epoch, pos: tables.head }).collect();
        let seen = |shard: Shard| stale.as_ref().map_or(now[shard as usize], |stale| &stale[shard as usize]);
        (heads, run(orders, seen))
    };
    let (deltas, fates) = ran?;
    sleep(work + sync).await;
    let mut segments = Vec::new();
    for (_, delta) in &deltas {
        delta.records.iter().for_each(|record| push_record(&mut segments, delta.epoch, record.clone()));
    }
    let mut inner = model.running(generation)?;
    if !deltas.is_empty() {
        inner.commit(deltas);
    }
    Ok(Reply { fates, committed: Committed { segments, heads } })
}

/// What the batch comes to in each shard, and each command.
fn run<'a>(
    orders: &[(Shard, Vec<Order>)],
    seen: impl Fn(Shard) -> &'a Tables,
) -> Result<(Vec<(Shard, Delta)>, Vec<Fate>), Failure> {
    let (mut deltas, mut fates) = (Vec::new(), Vec::new());
    for (shard, orders) in orders {
        let before = fates.len();
        let failed = |(index, error)| Failure::Refused(error, Some(before + index));
        let (delta, more) = seen(*shard).run(orders).map_err(failed)?;
        if !delta.is_empty() {
            deltas.push((*shard, delta));
        }
        fates.extend(more);
    }
    Ok((deltas, fates))
}

impl Model {
    /// What a commit function that read before it had the locks would work on.
    fn snapshot(&self, generation: u64) -> Result<Option<Vec<Tables>>, Failure> {
        let inner = self.running(generation)?;
        let snapshot = || inner.rows.iter().map(|row| row.tables.clone()).collect();
        Ok((inner.settings.broken == Broken::StaleSnapshot).then(snapshot))
    }
}
