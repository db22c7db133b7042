//! Clients that read: each follows its token over any nodes, and must get everything once and in order.

use std::{sync::Arc, time::Duration};

use store::{log::Record, simulation::Random, to_device};
use tokio::time::{sleep, timeout};

use super::{
    node::Node,
    watch::check_is_true,
    world::{DEVICE, NODES, World},
};
use crate::{
    Result,
    sync::position::{Stamp, Token},
};

pub(super) struct Reader {
    world: Arc<World>,
    random: Random,
    user: usize,
    /// As a client has it.
    token: String,
}

/// What a node answers.
struct News {
    next: Token,
    until: Vec<i64>,
    records: Vec<Vec<Arc<Record>>>,
    /// Messages to the device, and how far they were looked for.
    mail: Vec<i64>,
    mail_until: i64,
}

impl Reader {
    pub(super) fn new(world: &Arc<World>, user: usize, random: Random) -> Self {
        let token = Token { shards: vec![0; world.shards], to_device: 0, stamp: Stamp::default() };
        Self { world: world.clone(), random, user, token: token.to_string() }
    }

    pub(super) async fn run(mut self) -> Self {
        let mut index = self.random.below(NODES);
        while !self.world.is_over() {
            sleep(self.random.delay(60, 600)).await;
            if self.random.chance(40) {
                index = self.random.below(NODES);
            }
            if let Some(node) = self.world.node(index) {
                let (at_once, is_lost) = (self.random.chance(25), self.random.chance(10));
                self.read(&node, at_once, is_lost).await;
            }
        }
        self
    }

    /// After everything: what there is, is read at any node.
    pub(super) async fn finish(mut self) {
        for index in 0..NODES {
            let Some(node) = self.world.node(index) else { continue };
            if !self.read(&node, true, false).await {
                self.world.violation(format!("reader {}: got no answer of node {index} in the end", self.user));
            }
        }
        let heads: Vec<_> = self.world.model.heads_now().iter().map(|head| head.pos).collect();
        if self.token().shards != heads {
            self.world.violation(format!("reader {}: ended with {}, not {heads:?}", self.user, self.token));
        }
    }

    fn token(&self) -> Token {
        self.token.parse().unwrap_or(Token { shards: Vec::new(), to_device: 0, stamp: Stamp::default() })
    }

    /// Asks for news. `is_lost`: the answer does not reach the client.
    async fn read(&mut self, node: &Arc<Node>, at_once: bool, is_lost: bool) -> bool {
        let acknowledged = self.world.memory.lock().acknowledged.clone();
        let (token, world, at, user) = (self.token.clone(), self.world.clone(), node.clone(), self.user);
        let work = self.random.delay(2, 40);
        let mut call = node.spawn(async move { news(&world, &at, user, &token, at_once, work).await });
        let patience = if self.world.is_over() { Duration::from_secs(6) } else { self.random.delay(400, 2_000) };
        let news = match timeout(patience, &mut call).await {
            Ok(Ok(Ok(news))) if !is_lost => news,
            Err(_) => {
                call.abort();
                return false;
            }
            _ => return false,
        };
        self.check(node, &news, at_once.then_some(acknowledged));
        self.token = news.next.to_string();
        true
    }

    fn check(&self, node: &Node, news: &News, acknowledged: Option<Vec<i64>>) {
        let (world, since) = (&self.world, self.token());
        let name = format!("reader {} at node {}", self.user, node.index);
        world.note(|| format!("{name}: {} -> {} ({} mails)", self.token, news.next, news.mail.len()));
        if news.next.to_device < since.to_device || news.next.shards.iter().zip(&since.shards).any(|(a, b)| a < b) {
            world.violation(format!("{name}: the token went back from {since} to {}", news.next));
        }
        for (shard, records) in news.records.iter().enumerate() {
            let (after, until) = (since.shards[shard], news.until[shard]);
            if until < after {
                world.violation(format!("{name}: read up to {until} of shard {shard}, the client has been at {after}"));
            }
            let got: Vec<_> = records.iter().map(|record| record.pos).collect();
            let wanted: Vec<_> = world.model.log(shard as i64, after, until).iter().map(|record| record.pos).collect();
            let is_ordered = got.is_sorted_by(|a, b| a < b) && got.iter().all(|pos| *pos > after && *pos <= until);
            if !is_ordered || !wanted.iter().all(|pos| got.contains(pos)) {
                world.violation(format!(
                    "{name}: got {got:?} of {wanted:?} in shard {shard} after {after} up to {until}"
                ));
            }
            records.iter().for_each(|record| check_is_true(world, &name, record));
            if let Some(acknowledged) = acknowledged.as_ref().filter(|acknowledged| acknowledged[shard] > until) {
                let pos = acknowledged[shard];
                world.violation(format!(
                    "{name}: {pos} of shard {shard} was acknowledged before, and read up to {until}"
                ));
            }
        }
        self.check_mail(&name, &since, news);
    }

    fn check_mail(&self, name: &str, since: &Token, news: &News) {
        let (world, user_id) = (&self.world, &self.world.users[self.user]);
        let log = world.model.log(world.shard_of(user_id), since.to_device, news.mail_until);
        let is_mine = |record: &Arc<Record>| record.changes.iter().any(|change| change.user_id() == Some(user_id));
        let wanted: Vec<_> = log.iter().filter(|record| is_mine(record)).map(|record| record.pos).collect();
        // A failover may have lost some since.
        let is_true = |pos: &i64| wanted.contains(pos) || world.model.lost().iter().any(|record| record.pos == *pos);
        let is_ordered = news.mail.is_sorted_by(|a, b| a < b) && news.mail.iter().all(is_true);
        if !is_ordered || !wanted.iter().all(|pos| news.mail.contains(pos)) {
            world.violation(format!("{name}: got mail {:?}, not {wanted:?}, after {since}", news.mail));
        }
        let memory = world.memory.lock();
        let events = news.records.iter().flatten().flat_map(|record| &record.events);
        let late: Vec<_> = events
            .filter_map(|event| Some((&event.event_id, memory.before.get(&event.event_id)?)))
            .filter(|(_, (user, pos))| *user == self.user && *pos > news.mail_until)
            .map(|(event, (_, pos))| format!("{name}: {event} came before {pos} of the user's shard, sent before it"))
            .collect();
        drop(memory);
        late.into_iter().for_each(|what| world.violation(what));
    }
}

/// What is new since a token, the way `changes` finds it: rooms first, messages to the device last.
async fn news(world: &World, node: &Node, user: usize, token: &str, at_once: bool, work: Duration) -> Result<News> {
    let since: Token = token.parse().map_err(|_| crate::Error::invalid("no token"))?;
    let user_id = &world.users[user];
    let own = world.shard_of(user_id);
    if at_once {
        node.freshness.fresh().await?;
    }
    // What the client has shown to have, need not be kept.
    if since.to_device > 0 && node.index != user % NODES {
        node.db.write(own, vec![to_device::acknowledge(own, user_id, DEVICE, since.to_device)]).await.ok();
    }
    let until = node.freshness.reached(Some(&since.shards), own).await?;
    let mut records = Vec::new();
    for (shard, (after, until)) in since.shards.iter().zip(&until).enumerate() {
        let mut found = None;
        node.hub.adopt(shard as i64, *after, |records| found = Some(records.to_vec()));
        let found = match found {
            Some(records) => records.into_iter().filter(|record| record.pos <= *until).collect(),
            None => node.db.records(shard as i64, *after, *until).await?.into_iter().map(Arc::new).collect(),
        };
        records.push(found);
        sleep(work).await;
    }
    let mail_until = node.hub.cursor(own);
    let mail = world.model.mail(own, user_id, DEVICE, since.to_device, mail_until).await?;
    let next = Token {
        shards: until.iter().zip(&since.shards).map(|(until, since)| *until.max(since)).collect(),
        to_device: mail.last().copied().unwrap_or(since.to_device),
        stamp: Stamp::default(),
    };
    Ok(News { next, until, records, mail, mail_until })
}
