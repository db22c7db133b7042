//! Who a request speaks for: access tokens, looked up by their hash and remembered while they are in use.

use std::sync::Arc;

use dashmap::DashMap;
use ruma::OwnedUserId;
use sha2::{Digest, Sha256};

use crate::{Chat, Error, Result};

/// The SHA-256 of a token: the only form in which it is kept.
pub type TokenHash = [u8; 32];

/// A signed-in device.
#[derive(Debug, PartialEq, Eq)]
pub struct Session {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: Arc<str>,
    /// When the access token ends, milliseconds.
    pub expires_ts: Option<i64>,
    /// Whether the user administers the server.
    pub admin: bool,
}

/// Sessions by token hash. Bounded: when full, it is emptied and fills again from the store.
#[derive(Default)]
pub(crate) struct Cache(DashMap<TokenHash, Arc<Session>>);

const CACHED_SESSIONS: usize = 200_000;

/// Hashes a token.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// The session of an access token.
///
/// # Errors
/// M_UNKNOWN_TOKEN (401) if there is none, with `soft_logout` left to the API if it has expired.
pub async fn authenticate(chat: &Chat, token: &str) -> Result<Arc<Session>> {
    let hash = hash(token);
    let session = match chat.sessions.0.get(&hash).map(|session| session.clone()) {
        Some(session) => session,
        None => load(chat, hash).await?,
    };
    if session.expires_ts.is_some_and(|expires| expires <= chat.env.now()) {
        return Err(Error::matrix(
            401,
            "M_UNKNOWN_TOKEN",
            "The access token has expired: refresh it or sign in again.",
        ));
    }
    Ok(session)
}

async fn load(chat: &Chat, hash: TokenHash) -> Result<Arc<Session>> {
    let unknown = || Error::matrix(401, "M_UNKNOWN_TOKEN", "The access token is not known: sign in again.");
    let row = store::accounts::session(&chat.db, &hash).await?.ok_or_else(unknown)?;
    let session = Arc::new(Session {
        user_id: OwnedUserId::try_from(row.user_id).map_err(|_| unknown())?,
        device_id: row.device_id.into(),
        expires_ts: row.expires_ts,
        admin: row.admin,
    });
    if chat.sessions.0.len() >= CACHED_SESSIONS {
        chat.sessions.0.clear();
    }
    chat.sessions.0.insert(hash, session.clone());
    Ok(session)
}

impl Cache {
    /// Forgets a device's tokens. Call after they are gone from the store.
    pub(crate) fn forget_device(&self, user_id: &str, device_id: &str) {
        self.0.retain(|_, session| session.user_id != user_id || session.device_id.as_ref() != device_id);
    }
}
