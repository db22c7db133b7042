//! Passwords: argon2id (RFC 9106) on a few threads, so that hashing never takes the machine from those who chat.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version, password_hash::SaltString,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Chat, Error, Result, config};

/// Characters that a password may have at most: hashing cost grows with them.
pub(crate) const MAX_LENGTH: usize = 512;
/// Hashes that may wait for their turn; one more is told to come back later.
const WAITING: usize = 4096;
/// How long a hash waits for its turn.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where hashes are computed.
pub(crate) struct Pool {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    patience: Duration,
    params: Params,
    /// A hash of the present cost that no password has: what unknown users are verified against.
    unmatchable: String,
}

impl Pool {
    /// A pool of the configured size and cost; a cost below argon2's minimum or above its maximum is brought inside.
    pub(crate) fn new(config: &config::Passwords) -> Self {
        let memory = config.memory_kib.clamp(Params::MIN_M_COST, Params::MAX_M_COST);
        let iterations = config.iterations.max(Params::MIN_T_COST);
        let params = Params::new(memory, iterations, 1, None).unwrap_or_default();
        let unmatchable =
            format!("$argon2id$v=19$m={memory},t={iterations},p=1$AAAAAAAAAAAAAAAAAAAAAA${}", "A".repeat(43));
        let permits = Arc::new(Semaphore::new(config.concurrency.max(1)));
        Self { permits, waiting: AtomicUsize::new(0), patience: PATIENCE, params, unmatchable }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let busy = Error::RateLimited { retry_after_ms: 5000 };
        let waiting = Waiting::enter(&self.waiting);
        if waiting.before >= WAITING {
            return Err(busy);
        }
        match tokio::time::timeout(self.patience, self.permits.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(busy),
        }
    }

    /// Runs `work` when it is its turn, on a thread that may block.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&Argon2<'_>) -> T + Send + 'static) -> Result<T> {
        let permit = self.turn().await?;
        let params = self.params.clone();
        let job = move || {
            // The permit goes with the work: a caller that goes away does not let another one in beside it.
            let _permit = permit;
            work(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
        };
        tokio::task::spawn_blocking(job).await.map_err(|_| Error::Store(store::Error::Closed))
    }
}

/// One of those who wait, counted while it exists.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a new password may be used.
///
/// # Errors
/// M_WEAK_PASSWORD if it is too short, M_INVALID_PARAM if it is too long.
pub fn check_strength(chat: &Chat, password: &str) -> Result<()> {
    let least = chat.config.passwords.min_length.max(1);
    let length = password.chars().take(MAX_LENGTH + 1).count();
    if length < least {
        let message = format!("The password is too short: use {least} characters or more.");
        return Err(Error::matrix(400, "M_WEAK_PASSWORD", message));
    }
    if length > MAX_LENGTH {
        return Err(Error::invalid(format!("The password is too long: use {MAX_LENGTH} characters or fewer.")));
    }
    Ok(())
}

/// The hash of a new password, in PHC form.
///
/// # Errors
/// [`Error::RateLimited`] if too many others wait.
pub(crate) async fn hash(chat: &Chat, password: String) -> Result<String> {
    let salt: [u8; 16] = chat.env.random();
    let work = move |argon2: &Argon2<'_>| {
        let salt = SaltString::encode_b64(&salt)?;
        argon2.hash_password(password.as_bytes(), &salt).map(|hash| hash.to_string())
    };
    let failed = |e: argon2::password_hash::Error| Error::Store(store::Error::Database(e.to_string().into()));
    chat.passwords.run(work).await?.map_err(failed)
}

/// Whether the password is the one of the hash. Without a hash (there is no such user, or none that has a password) the
/// answer is no, and takes as long.
///
/// # Errors
/// [`Error::RateLimited`] if too many others wait.
pub(crate) async fn verify(chat: &Chat, password: String, hash: Option<String>) -> Result<bool> {
    if password.chars().nth(MAX_LENGTH).is_some() {
        return Ok(false);
    }
    let known = hash.is_some();
    let hash = hash.unwrap_or_else(|| chat.passwords.unmatchable.clone());
    let work = move |argon2: &Argon2<'_>| {
        PasswordHash::new(&hash).is_ok_and(|hash| argon2.verify_password(password.as_bytes(), &hash).is_ok())
    };
    // `known` after the work: what is decided early is known early.
    Ok(chat.passwords.run(work).await? && known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifying_nobodys_password_costs_what_verifying_somebodys_does() {
        for (memory_kib, iterations) in [(19 * 1024, 2), (8, 1), (0, 0)] {
            let pool = Pool::new(&config::Passwords { memory_kib, iterations, ..config::Passwords::default() });
            let hash = PasswordHash::new(&pool.unmatchable).unwrap();
            let params = Params::try_from(&hash).unwrap();
            assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (memory_kib.max(8), iterations.max(1), 1));
            assert_eq!(hash.hash.map(|hash| hash.len()), Some(Params::DEFAULT_OUTPUT_LEN));
            assert!(hash.salt.is_some());
        }
    }

    #[tokio::test]
    async fn who_waits_too_long_is_told_to_come_back() {
        let mut pool = Pool::new(&config::Passwords { concurrency: 1, ..config::Passwords::default() });
        pool.patience = Duration::from_millis(10);
        let busy = pool.turn().await.unwrap();
        assert!(matches!(pool.turn().await, Err(Error::RateLimited { .. })));
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);
        drop(busy);
        drop(pool.turn().await.unwrap());
    }
}
