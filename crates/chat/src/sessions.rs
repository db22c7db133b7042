//! Who a request speaks for: access tokens, looked up by their hash and remembered while they are in use.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use dashmap::DashMap;
use ruma::OwnedUserId;
use sha2::{Digest, Sha256};
use store::{
    accounts::{SessionRow, devices, sessions as rows},
    log::{Change, Commit},
};

use crate::{Chat, Error, Result};

/// The SHA-256 of a token: the only form in which it is kept.
pub type TokenHash = rows::TokenHash;

/// How often a device's "last seen" is written at most, milliseconds.
const SEEN_EVERY_MS: i64 = 5 * 60 * 1000;

/// A signed-in device.
#[derive(Debug)]
pub struct Session {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device.
    pub device_id: Arc<str>,
    /// When the access token ends, milliseconds.
    pub expires_ts: Option<i64>,
    /// Whether the user administers the server.
    pub admin: bool,
    /// The hash of the access token.
    pub token_hash: TokenHash,
    /// When "last seen" was written, milliseconds.
    seen_ts: AtomicI64,
}

/// New tokens, as a client gets them. Not printable: they must not reach a log.
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// The refresh token, if the client asked for one.
    pub refresh_token: Option<String>,
    /// How long the access token lives, milliseconds; none if it does not end.
    pub expires_in_ms: Option<i64>,
}

impl Session {
    /// Refuses a request that names another user than the one who makes it.
    ///
    /// # Errors
    /// M_FORBIDDEN.
    pub fn check_self(&self, user_id: &str) -> Result<()> {
        if self.user_id == user_id { Ok(()) } else { Err(Error::forbidden("This belongs to somebody else.")) }
    }
}

/// Hashes a token.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// The session of an access token. Asks the store only the first time.
///
/// # Errors
/// M_UNKNOWN_TOKEN (401) if there is none, [`Error::SoftLogout`] if it has expired.
pub async fn authenticate(chat: &Chat, token: &str) -> Result<Arc<Session>> {
    of_token(chat, hash(token)).await
}

/// Completes when the session's access token ends; never if it does not.
pub async fn expired(chat: &Chat, session: &Session) {
    let Some(expires) = session.expires_ts else { return std::future::pending().await };
    while let Ok(left) = u64::try_from(expires - chat.env.now())
        && left > 0
    {
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}

/// [`authenticate`] by the token's hash.
pub(crate) async fn of_token(chat: &Chat, hash: TokenHash) -> Result<Arc<Session>> {
    let session = match chat.sessions.get(&hash) {
        Some(session) => session,
        None => load(chat, hash).await?,
    };
    if session.expires_ts.is_some_and(|expires| expires <= chat.env.now()) {
        return Err(Error::SoftLogout);
    }
    Ok(session)
}

/// Notes that the session is in use, from `address`. Writes at most every few minutes, without making the caller wait.
pub fn seen(chat: &Arc<Chat>, session: &Session, address: &str) {
    let (now, before) = (chat.env.now(), session.seen_ts.load(Ordering::Relaxed));
    let due = now - before >= SEEN_EVERY_MS;
    if !due || session.seen_ts.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
        return;
    }
    let statement = devices::seen(session.user_id.as_str(), &session.device_id, now, address);
    let (chat, shard) = (chat.clone(), chat.user_shard(session.user_id.as_str()));
    tokio::spawn(async move {
        if let Err(error) = chat.db.write(shard, vec![statement]).await {
            tracing::debug!(name: "sessions.seen", %error, "the time a device was last seen was not written");
        }
    });
}

/// New tokens for a device, and their session to insert. The access token ends only if there is a refresh token.
pub(crate) fn issue<'a>(
    chat: &Chat,
    user_id: &'a str,
    device_id: &'a str,
    refreshable: bool,
) -> (Tokens, rows::NewSession<'a>) {
    // The prefixes let people and scanners for leaked secrets tell what they found.
    let access_token = format!("cbat_{}", chat.env.token::<32>());
    let refresh_token = refreshable.then(|| format!("cbrt_{}", chat.env.token::<32>()));
    let (now, lifetime) = (chat.env.now(), chat.config.sessions.refreshable_token_lifetime_ms.max(1));
    let expires_in_ms = refreshable.then_some(lifetime);
    let session = rows::NewSession {
        token_hash: hash(&access_token),
        user_id,
        device_id,
        expires_ts: expires_in_ms.map(|lifetime| now.saturating_add(lifetime)),
        refresh_hash: refresh_token.as_deref().map(hash),
        previous: None,
        now,
    };
    (Tokens { access_token, refresh_token, expires_in_ms }, session)
}

/// New tokens for an old refresh token. The old ones stay good until the new ones are used.
///
/// # Errors
/// M_UNKNOWN_TOKEN (401) if the refresh token is not known, was replaced, or its device is gone.
pub async fn refresh(chat: &Chat, refresh_token: &str) -> Result<Tokens> {
    let unknown = || Error::matrix(401, "M_UNKNOWN_TOKEN", "The refresh token is not known: sign in again.");
    let row = rows::by_refresh_token(&chat.db, &hash(refresh_token)).await?.ok_or_else(unknown)?;
    let (tokens, mut session) = issue(chat, &row.user_id, &row.device_id, true);
    session.previous = Some(row.token_hash.clone());
    let mut commit = settling(chat, &row);
    commit.writes.push(rows::delete_successors(&row.token_hash));
    commit.writes.push(rows::insert_refreshed(&session));
    match chat.commit(commit).await {
        Err(store::Error::Expectation(_)) => Err(unknown()),
        result => {
            result?;
            Ok(tokens)
        }
    }
}

/// What makes a session take the place of the one it replaces, if it has not yet. All nodes forget the other then.
fn settling(chat: &Chat, row: &SessionRow) -> Commit {
    let mut commit = Commit { shard: chat.user_shard(&row.user_id), ts: chat.env.now(), ..Commit::default() };
    if let Some(previous) = &row.previous {
        commit.writes = vec![rows::delete(previous), rows::settle(&row.token_hash)];
        let token_hash = previous.iter().map(|byte| format!("{byte:02x}")).collect();
        commit.changes = vec![Change::TokenGone { user_id: row.user_id.as_str().into(), token_hash }];
    }
    commit
}

async fn load(chat: &Chat, hash: TokenHash) -> Result<Arc<Session>> {
    let unknown = || Error::matrix(401, "M_UNKNOWN_TOKEN", "The access token is not known: sign in again.");
    let generation = chat.sessions.generation();
    let row = rows::session(&chat.db, &hash).await?.ok_or_else(unknown)?;
    if row.previous.is_some() {
        match chat.commit(settling(chat, &row)).await {
            Err(store::Error::Expectation(_)) => return Err(unknown()),
            result => result?,
        };
    }
    let session = Arc::new(Session {
        user_id: OwnedUserId::try_from(row.user_id).map_err(|_| unknown())?,
        device_id: row.device_id.into(),
        expires_ts: row.expires_ts,
        admin: row.admin,
        token_hash: hash,
        seen_ts: AtomicI64::new(0),
    });
    chat.sessions.insert(session.clone(), generation);
    Ok(session)
}

/// Sessions by token hash. Bounded: when full, it is emptied and fills again from the store.
#[derive(Default)]
pub(crate) struct Cache {
    by_token: DashMap<TokenHash, Arc<Session>>,
    by_user: DashMap<String, Vec<TokenHash>>,
    /// Counts what was forgotten.
    generation: AtomicU64,
}

const CACHED_SESSIONS: usize = 200_000;

impl Cache {
    fn get(&self, hash: &TokenHash) -> Option<Arc<Session>> {
        self.by_token.get(hash).map(|session| session.clone())
    }

    /// Take it before the store is asked, and give it to [`Cache::insert`].
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Remembers a session, unless one was forgotten since it was read: it might have been this one.
    fn insert(&self, session: Arc<Session>, generation: u64) {
        if self.by_token.len() >= CACHED_SESSIONS {
            self.by_token.clear();
            self.by_user.clear();
        }
        let hash = session.token_hash;
        self.by_user.entry(session.user_id.to_string()).or_default().push(hash);
        self.by_token.insert(hash, session);
        if self.generation() != generation {
            self.remove(&hash);
        }
    }

    /// Forgets one token, named by the hexadecimal digits of its hash. Call after it is gone from the store.
    pub(crate) fn forget_hex(&self, hash: &str) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        let byte = |index: usize| hash.get(2 * index..2 * index + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        self.remove(&std::array::from_fn(|index| byte(index).unwrap_or_default()));
    }

    fn remove(&self, hash: &TokenHash) {
        if let Some((_, session)) = self.by_token.remove(hash) {
            self.by_user.remove_if_mut(session.user_id.as_str(), |_, hashes| {
                hashes.retain(|other| other != hash);
                hashes.is_empty()
            });
        }
    }

    /// Forgets a device's tokens. Call after they are gone from the store.
    pub(crate) fn forget_device(&self, user_id: &str, device_id: &str) {
        self.forget_where(user_id, |session| session.device_id.as_ref() == device_id);
    }

    /// Forgets the tokens of all devices of a user but one. Call after they are gone from the store.
    pub(crate) fn forget_all_but(&self, user_id: &str, device_id: &str) {
        self.forget_where(user_id, |session| session.device_id.as_ref() != device_id);
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.by_token.clear();
        self.by_user.clear();
    }

    fn forget_where(&self, user_id: &str, gone: impl Fn(&Session) -> bool) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.by_user.remove_if_mut(user_id, |_, hashes| {
            hashes.retain(|hash| {
                self.by_token.remove_if(hash, |_, session| gone(session)).is_none() && self.by_token.contains_key(hash)
            });
            hashes.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;
    use crate::{Env, Parts};

    fn session(hash: u8, device_id: &str) -> Arc<Session> {
        Arc::new(Session {
            user_id: user_id!("@alice:localhost").to_owned(),
            device_id: device_id.into(),
            expires_ts: None,
            admin: false,
            token_hash: [hash; 32],
            seen_ts: AtomicI64::new(0),
        })
    }

    #[test]
    fn forgetting_concerns_the_named_device_only() {
        let cache = Cache::default();
        for (hash, device) in [(1, "A"), (2, "A"), (3, "B"), (4, "C")] {
            cache.insert(session(hash, device), cache.generation());
        }
        let known = || (1..=4).filter(|hash| cache.get(&[*hash; 32]).is_some()).collect::<Vec<u8>>();
        cache.forget_device("@alice:localhost", "A");
        cache.forget_device("@bob:localhost", "B");
        assert_eq!(known(), [3, 4]);
        cache.forget_all_but("@alice:localhost", "C");
        assert_eq!(known(), [4]);
        cache.forget_hex(&"04".repeat(32));
        assert!(cache.by_token.is_empty() && cache.by_user.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_session_that_ends_while_it_is_read_is_not_remembered() {
        let cache = Cache::default();
        let generation = cache.generation();
        cache.forget_device("@alice:localhost", "A");
        cache.insert(session(1, "A"), generation);
        assert!(cache.get(&[1; 32]).is_none());
    }

    #[tokio::test]
    async fn when_a_device_was_last_seen_is_written_at_most_every_few_minutes() {
        let dir = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(1_000_000_000));
        let (clock, random) = (now.clone(), Env::system());
        let env = Env::new(
            move || clock.load(Ordering::Relaxed),
            move |bytes| bytes.copy_from_slice(&random.random::<32>()[..bytes.len()]),
        );
        let db = store::Db::open_sqlite(dir.path()).unwrap();
        let chat = Chat::open(Parts::for_tests(db, env)).await.unwrap();
        chat.db.write(0, vec![devices::upsert("@alice:localhost", "A", None, 5, "1.1.1.1")]).await.unwrap();
        let session = session(1, "A");
        for (after_ms, address, expected) in [
            (0, "2.2.2.2", (1_000_000_000, "2.2.2.2")),
            (SEEN_EVERY_MS - 1, "3.3.3.3", (1_000_000_000, "2.2.2.2")),
            (SEEN_EVERY_MS, "4.4.4.4", (1_000_000_000 + SEEN_EVERY_MS, "4.4.4.4")),
        ] {
            now.store(1_000_000_000 + after_ms, Ordering::Relaxed);
            seen(&chat, &session, address);
            let mut row = None;
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(50)).await;
                row = devices::get(&chat.db, "@alice:localhost", "A").await.unwrap();
                if row.as_ref().is_some_and(|row| row.last_seen_ip == expected.1) {
                    break;
                }
            }
            let row = row.unwrap();
            assert_eq!((row.last_seen_ts, row.last_seen_ip.as_str()), expected);
        }
    }
}
