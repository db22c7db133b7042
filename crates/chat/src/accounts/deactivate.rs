//! Closing an account for good.

use std::sync::Arc;

use ruma::UserId;
use serde::Deserialize;
use store::{accounts::users, log::Change};

use crate::{
    Chat, Error, Result,
    devices::{self, Gone},
    rooms::membership,
    sessions::Session,
    uia::AuthData,
};

/// The body of a deactivation.
#[derive(Deserialize)]
pub struct Deactivation {
    auth: Option<AuthData>,
    #[serde(default)]
    erase: bool,
}

/// Closes the account, signs all devices out and leaves all rooms, when the password was shown. The name stays taken.
///
/// The first is one commit; then nobody can come in any more, and what a crash leaves to do is done at the next start.
///
/// # Errors
/// [`crate::Error::Challenge`]. After any other error the account is still in use, and the user can try again.
pub async fn deactivate(chat: &Arc<Chat>, session: &Session, body: Deactivation) -> Result<()> {
    devices::confirm(chat, session, "deactivate", body.auth).await?;
    let (chat, user_id) = (chat.clone(), session.user_id.clone());
    // In a task of its own: a client that hangs up does not leave it half done.
    let closing = tokio::spawn(async move {
        let mut writes = vec![users::deactivate(user_id.as_str())];
        let now = chat.env.now();
        let mut changes = Vec::new();
        if body.erase {
            writes.extend(users::erase(chat.user_shard(user_id.as_str()), user_id.as_str(), now));
            changes.push(Change::Erased { user_id: user_id.as_str().into(), ts: now });
        }
        devices::remove(&chat, &user_id, Gone::All, writes, changes).await?;
        leave_rooms(&chat, &user_id).await;
        Ok(())
    });
    closing.await.map_err(|_| Error::Store(store::Error::Closed))?
}

/// Leaves the rooms of accounts that were closed when the server stopped or the disk was full.
pub(crate) async fn finish_deactivations(chat: Arc<Chat>) {
    let closed = match users::deactivated_in_rooms(&chat.db).await {
        Ok(closed) => closed,
        Err(error) => return tracing::warn!(name: "accounts.deactivate", %error, "closed accounts cannot be read"),
    };
    for user_id in closed.iter().filter_map(|id| <&UserId>::try_from(id.as_str()).ok()) {
        leave_rooms(&chat, user_id).await;
    }
}

async fn leave_rooms(chat: &Chat, user_id: &UserId) {
    if let Err(error) = membership::leave_all(chat, user_id).await {
        let message = "a closed account has not left its rooms: that is tried again when the server starts";
        tracing::warn!(name: "accounts.deactivate", %error, "{message}");
    }
}
