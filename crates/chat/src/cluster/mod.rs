//! One node among several that share a store: what it tells the others over the bus, and what it makes of what it hears.
//!
//! Without a bus, or while that is away, each node goes on with the log and with what it knows itself.

pub(crate) mod interner;
pub mod others;
pub mod report;
pub(crate) mod seal;
pub(crate) mod wire;

use std::{sync::Arc, time::Duration};

use bus::Bus;
use bytes::Bytes;
use store::log::Committed;
use tokio::sync::watch;

use self::{
    interner::Interner,
    wire::{Hint, Message},
};
use crate::{
    Chat, presence,
    sync::{follow::Follow, hub::Hub},
    typing,
};

/// How often a node says in the store and over the bus that it is here.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// How often others are told what was taken from rate limits.
const TAKEN_EVERY: Duration = Duration::from_millis(200);

/// What is done with each commit of this node: the others are told, then it is taken in here.
pub(crate) fn follower<F>(hub: Arc<Hub>, publish: Option<F>) -> store::Follower
where
    F: Fn(Bytes) + Send + Sync + 'static,
{
    Arc::new(move |committed: &Committed| {
        if let Some(publish) = &publish
            && let Some(hint) = wire::hint(committed)
        {
            publish(hint);
        }
        hub.offer(committed);
    })
}

/// Starts to follow the other nodes, if there can be any.
pub(crate) fn start(chat: &Arc<Chat>) {
    if !chat.db.is_shared() {
        return;
    }
    let hints = chat.bus.as_ref().map_or_else(|| watch::channel(false).1, Bus::healthy);
    let (weak, mut news) = (Arc::downgrade(chat), hints.clone());
    tokio::spawn(async move {
        while let Some(chat) = weak.upgrade() {
            tell(&chat, &Message::Here { node_id: &chat.node_id });
            if let Err(error) = report::send(&chat).await {
                tracing::debug!(name: "cluster.report", %error, "this node could not say that it is here");
            }
            drop(chat);
            tokio::select! {
                () = tokio::time::sleep(REPORT_EVERY) => {}
                // That messages go through, or no longer do, is told at once. An end of the bus is no news.
                Ok(()) = news.changed() => {}
            }
        }
    });
    tokio::spawn(Follow::new(chat.db.clone(), &chat.hub, hints).run());
    let Some(bus) = &chat.bus else { return };
    let (weak, mut messages) = (Arc::downgrade(chat), bus.subscribe());
    tokio::spawn(async move {
        let mut interner = Interner::default();
        while let Some(bytes) = messages.next().await {
            let Some(chat) = weak.upgrade() else { return };
            hear(&chat, &bytes, &mut interner);
        }
    });
    let weak = Arc::downgrade(chat);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TAKEN_EVERY).await;
            let Some(chat) = weak.upgrade() else { return };
            let taken = chat.rate_limits.taken();
            if !taken.is_empty() {
                tell(&chat, &Message::Taken(taken));
            }
        }
    });
}

/// Tells the other nodes.
pub(crate) fn tell(chat: &Chat, message: &Message<'_>) {
    if let Some(bus) = &chat.bus
        && let Some(bytes) = message.encode()
    {
        bus.publish(chat.seal.close(&bytes));
    }
}

fn hear(chat: &Arc<Chat>, sealed: &[u8], interner: &mut Interner) {
    // Others than nodes of this store are not listened to.
    let Some(message) = chat.seal.open(sealed) else { return };
    match Message::decode(message) {
        Some(Message::Hint(hint)) => take_in(&chat.hub, hint, interner),
        Some(Message::Typing { room_id, user_id, for_ms }) => typing::heard(chat, room_id, user_id, for_ms),
        Some(Message::Presence { node_id, entry }) => presence::heard(chat, node_id, entry),
        Some(Message::Here { node_id }) => chat.others.heard(node_id),
        Some(Message::Taken(taken)) => chat.rate_limits.debit(&taken),
        None => chat.hub.unread(),
    }
}

/// Takes in another node's hint.
pub(crate) fn take_in(hub: &Hub, hint: Hint<'_>, interner: &mut Interner) {
    let Some((committed, told)) = hint.read(interner) else { return };
    hub.offer(&committed);
    for (shard, head) in told {
        hub.learn_of(shard, head);
    }
}
