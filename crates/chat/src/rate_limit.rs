//! Rate limits: a token bucket per address, account or user. What is limited is kept as a hash, and forgotten when its
//! bucket is full again. Nodes tell each other what was taken a few times a second, so that a limit holds for the cluster,
//! give or take a moment.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    state::keyed::DashMapStateStore,
};
use parking_lot::Mutex;
use ruma::UserId;
use sha2::{Digest, Sha256};

use crate::{
    Error, Result,
    config::{self, Rate},
};

/// How many checks pass between two looks for buckets that can be forgotten.
const SWEEP_EVERY: u64 = 4096;
/// Seconds.
const DAY: f64 = 86_400.0;

/// All limits. Each check costs one request and fails with [`Error::RateLimited`] when there is none left.
pub struct RateLimits {
    login_address: Limiter,
    login_account: Limiter,
    registration: Limiter,
    registration_token: Limiter,
    lookup: Limiter,
    message: Limiter,
    /// Whether there are others to tell.
    shared: bool,
    /// The same at all nodes, and known to no client.
    secret: [u8; 16],
    /// What was taken since the others were told, by limit and key.
    taken: Mutex<HashMap<(u8, u64), u32>>,
}

/// The limits by the numbers under which nodes speak of them.
const LIMITS: [fn(&RateLimits) -> &Limiter; 6] = [
    |limits| &limits.login_address,
    |limits| &limits.login_account,
    |limits| &limits.registration,
    |limits| &limits.registration_token,
    |limits| &limits.lookup,
    |limits| &limits.message,
];
const LOGIN_ADDRESS: u8 = 0;
const LOGIN_ACCOUNT: u8 = 1;
const REGISTRATION: u8 = 2;
const REGISTRATION_TOKEN: u8 = 3;
const LOOKUP: u8 = 4;
const MESSAGE: u8 = 5;
/// Keys that are remembered for the others at most; beyond it they hear less than was taken.
const MAX_TAKEN: usize = 10_000;

impl RateLimits {
    /// The configured limits, none if they are switched off.
    pub(crate) fn new(config: &config::RateLimits, secret: &[u8], shared: bool) -> Self {
        let limiter =
            |rate: Rate| if config.enabled { Limiter::new(rate, DefaultClock::default()) } else { Limiter::off() };
        Self {
            login_address: limiter(config.login),
            login_account: limiter(config.login),
            registration: limiter(config.registration),
            registration_token: limiter(config.login),
            lookup: limiter(config.message),
            message: limiter(config.message),
            shared,
            secret: std::array::from_fn(|index| secret.get(index).copied().unwrap_or_default()),
            taken: Mutex::default(),
        }
    }

    /// Messages and other changes of a user.
    pub fn check_message(&self, user_id: &UserId) -> Result<()> {
        self.check(MESSAGE, self.hash(user_id.as_bytes()))
    }

    /// A password that is tried, from `address` and for the account.
    pub(crate) fn check_login(&self, address: &str, user_id: &str) -> Result<()> {
        self.check(LOGIN_ADDRESS, self.address(address))?;
        self.check_password(user_id)
    }

    /// A password that a signed-in user is asked for.
    pub(crate) fn check_password(&self, user_id: &str) -> Result<()> {
        self.check(LOGIN_ACCOUNT, self.hash(user_id.as_bytes()))
    }

    /// An account that is made from `address`.
    pub(crate) fn check_registration(&self, address: &str) -> Result<()> {
        self.check(REGISTRATION, self.address(address))
    }

    /// A registration token that is tried from `address`.
    pub(crate) fn check_registration_token(&self, address: &str) -> Result<()> {
        self.check(REGISTRATION_TOKEN, self.address(address))
    }

    /// A question that needs no account, from `address`: whether a name is free, say.
    pub(crate) fn check_lookup(&self, address: &str) -> Result<()> {
        self.check(LOOKUP, self.address(address))
    }

    fn check(&self, limit: u8, key: u64) -> Result<()> {
        let limiter = LIMITS[usize::from(limit)](self);
        limiter.check(key)?;
        if !self.shared || limiter.buckets.is_none() {
            return Ok(());
        }
        let mut taken = self.taken.lock();
        if taken.len() < MAX_TAKEN {
            *taken.entry((limit, key)).or_default() += 1;
        }
        Ok(())
    }

    /// What was taken since the last call: the limit, the key, how much.
    pub(crate) fn taken(&self) -> Vec<(u8, u64, u32)> {
        std::mem::take(&mut *self.taken.lock()).into_iter().map(|((limit, key), much)| (limit, key, much)).collect()
    }

    /// Another node let these pass.
    pub(crate) fn debit(&self, taken: &[(u8, u64, u32)]) {
        for (limit, key, much) in taken {
            if let Some(limiter) = LIMITS.get(usize::from(*limit)).map(|limit| limit(self))
                && limiter.buckets.is_some()
            {
                // An empty bucket stays empty.
                (0..*much).take_while(|_| limiter.check(*key).is_ok()).for_each(drop);
            }
        }
    }

    fn hash(&self, key: &[u8]) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(key);
        let hash: [u8; 32] = hash.finalize().into();
        u64::from_be_bytes(std::array::from_fn(|index| hash[index]))
    }

    /// An IPv6 client has the lower half of its address to choose from: it does not count.
    fn address(&self, address: &str) -> u64 {
        match address.parse() {
            Ok(IpAddr::V6(address)) => self.hash(&(address.to_bits() >> 64).to_be_bytes()),
            _ => self.hash(address.as_bytes()),
        }
    }
}

type Buckets<C> = RateLimiter<u64, DashMapStateStore<u64>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// One limit. Without buckets it lets everything pass.
struct Limiter<C: Clock = DefaultClock> {
    buckets: Option<Buckets<C>>,
    clock: C,
    checks: AtomicU64,
}

impl Limiter {
    fn off() -> Self {
        Self { buckets: None, clock: DefaultClock::default(), checks: AtomicU64::new(0) }
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn new(rate: Rate, clock: C) -> Self {
        // A rate of zero means once in a day, not never: a limit must not lock a server up for good.
        let seconds = if rate.per_second > 0.0 { (1.0 / rate.per_second).clamp(1e-9, DAY) } else { DAY };
        let period = Duration::from_secs_f64(seconds);
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let buckets = Quota::with_period(period)
            .map(|quota| RateLimiter::new(quota.allow_burst(burst), DashMapStateStore::default(), clock.clone()));
        Self { buckets, clock, checks: AtomicU64::new(0) }
    }

    fn check(&self, key: u64) -> Result<()> {
        let Some(buckets) = &self.buckets else { return Ok(()) };
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            buckets.retain_recent();
        }
        buckets.check_key(&key).map_err(|refusal| {
            let wait = refusal.wait_time_from(self.clock.now());
            Error::RateLimited { retry_after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1) }
        })
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn passes<C: Clock + Clone>(limiter: &Limiter<C>, key: u64, attempts: usize) -> usize {
        (0..attempts).filter(|_| limiter.check(key).is_ok()).count()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::new(Rate { per_second: 0.5, burst: 3 }, clock.clone());
        assert_eq!(passes(&limiter, 1, 10), 3);
        assert_eq!(passes(&limiter, 2, 10), 3, "others are not concerned");
        let Err(Error::RateLimited { retry_after_ms }) = limiter.check(1) else { panic!("the limit is reached") };
        assert!((1999..=2000).contains(&retry_after_ms), "{retry_after_ms}");
        clock.advance(Duration::from_millis(retry_after_ms + 1));
        assert_eq!(passes(&limiter, 1, 10), 1);
        clock.advance(Duration::from_secs(3600));
        assert_eq!(passes(&limiter, 1, 10), 3);
    }

    #[test]
    fn a_rate_that_makes_no_sense_still_lets_somebody_pass() {
        for per_second in [0.0, -1.0, f64::NAN, f64::MIN_POSITIVE] {
            let limiter = Limiter::new(Rate { per_second, burst: 0 }, FakeRelativeClock::default());
            assert_eq!(passes(&limiter, 1, 3), 1, "{per_second}");
        }
        let limiter = Limiter::new(Rate { per_second: f64::INFINITY, burst: 5 }, FakeRelativeClock::default());
        assert_eq!(passes(&limiter, 1, 5), 5);
    }

    #[test]
    fn what_has_recovered_is_forgotten() {
        let clock = FakeRelativeClock::default();
        let limiter = Limiter::new(Rate { per_second: 1.0, burst: 1 }, clock.clone());
        for key in 0..SWEEP_EVERY - 1 {
            limiter.check(key).unwrap();
        }
        clock.advance(Duration::from_secs(10));
        limiter.check(u64::MAX).unwrap();
        assert_eq!(limiter.buckets.as_ref().map(|buckets| buckets.len()), Some(1));
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let limits = RateLimits::new(&config::RateLimits::default(), b"secret", false);
        assert_eq!(limits.address("2001:db8::1"), limits.address("2001:db8::ffff:1"));
        assert_ne!(limits.address("2001:db8::1"), limits.address("2001:db8:0:1::1"));
        assert_ne!(limits.address("1.2.3.4"), limits.address("1.2.3.5"));
    }
}
