//! What happens by the clock: typing and presence that run out, memory and rows that nobody needs any more.

use std::{sync::Weak, time::Duration};

use store::events;

use crate::{Chat, presence, typing};

/// Log rows are kept so long, milliseconds: who has been away longer starts afresh from the projections.
const LOG_MS: i64 = 14 * 24 * 3_600_000;
/// Rounds between two looks for users who have gone.
const EVICT_EVERY: u64 = 10;
/// Rounds between two clean-ups of rooms in memory and of rows.
const CLEAN_EVERY: u64 = 60;

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
        if round.is_multiple_of(CLEAN_EVERY) {
            chat.rooms.evict(now);
            for expired in [events::expire_txns(now), events::expire_log(now - LOG_MS)] {
                if let Err(error) = chat.db.tidy(expired).await {
                    tracing::warn!(name: "store.expire", %error, "old rows could not be removed");
                }
            }
        }
    }
}
