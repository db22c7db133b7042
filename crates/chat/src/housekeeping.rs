//! What happens by the clock: typing and presence that run out, memory and rows that nobody needs any more.

use std::{sync::Weak, time::Duration};

use store::{events, log::Shard};

use crate::{Chat, Result, presence, typing};

/// Log rows are kept so long, milliseconds: who has been away longer starts afresh from the projections.
const LOG_MS: i64 = 14 * 24 * 3_600_000;
/// Rounds between two looks for users who have gone.
const EVICT_EVERY: u64 = 10;
/// Rounds between two looks for rooms that nobody asks for.
const EVICT_ROOMS_EVERY: u64 = 60;
/// Between two removals of old rows.
const CLEAN_EVERY: Duration = Duration::from_secs(60);

/// Runs until the server stops.
pub(crate) async fn run(chat: Weak<Chat>) {
    let mut round: u64 = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Some(chat) = chat.upgrade() else { return };
        if *chat.shutdown.borrow() {
            return;
        }
        round += 1;
        let now = chat.env.now();
        typing::expire(&chat, now);
        presence::expire(&chat, now);
        if round.is_multiple_of(EVICT_EVERY) {
            chat.hub.evict(now);
            presence::share(&chat).await;
        }
        if round.is_multiple_of(EVICT_ROOMS_EVERY) {
            chat.rooms.evict(now);
        }
    }
}

/// Removes rows that nobody needs any more, until the server stops. However many there are, none is held up by it.
pub(crate) async fn clean(chat: Weak<Chat>) {
    loop {
        tokio::time::sleep(CLEAN_EVERY).await;
        let Some(chat) = chat.upgrade() else { return };
        for shard in 0..chat.db.shards() as Shard {
            if let Err(error) = clean_shard(&chat, shard).await {
                tracing::warn!(name: "store.expire", shard, %error, "old rows could not be removed");
            }
        }
    }
}

async fn clean_shard(chat: &Chat, shard: Shard) -> Result<()> {
    let now = chat.env.now();
    while !*chat.shutdown.borrow() && events::expire_txns(&chat.db, shard, now).await? {}
    while !*chat.shutdown.borrow() && events::expire_log(&chat.db, shard, now - LOG_MS).await? {}
    Ok(())
}
