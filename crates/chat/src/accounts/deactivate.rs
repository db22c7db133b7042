//! Closing an account for good.

use std::sync::Arc;

use serde::Deserialize;
use store::accounts::users;

use crate::{
    Chat, Error, Result,
    devices::{self, Gone},
    rooms::membership,
    sessions::Session,
    uia::{self, AuthData},
};

/// The body of a deactivation.
#[derive(Deserialize)]
pub struct Deactivation {
    auth: Option<AuthData>,
    #[serde(default)]
    erase: bool,
}

/// Leaves all rooms, signs all devices out and closes the account, when the password was shown. The name stays taken.
///
/// # Errors
/// [`crate::Error::Challenge`]. After any other error the account is still in use, and the user can try again.
pub async fn deactivate(chat: &Arc<Chat>, session: &Session, body: Deactivation) -> Result<()> {
    let authorized = devices::confirm(chat, session, "deactivate", body.auth).await?;
    let (chat, user_id) = (chat.clone(), session.user_id.clone());
    // In a task of its own: a client that hangs up does not leave it half done.
    let closing = tokio::spawn(async move {
        membership::leave_all(&chat, &user_id).await?;
        let mut writes = vec![users::deactivate(user_id.as_str())];
        if body.erase {
            writes.extend(users::erase(chat.user_shard(user_id.as_str()), user_id.as_str()));
        }
        devices::remove(&chat, &user_id, Gone::All, writes).await?;
        uia::finish(&chat, &authorized);
        Ok(())
    });
    closing.await.map_err(|_| Error::Store(store::Error::Closed))?
}
