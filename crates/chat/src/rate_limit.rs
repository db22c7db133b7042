//! Rate limits: a token bucket per address, account or user. What is limited is kept as a hash, and forgotten when its
//! bucket is full again.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
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
use ruma::UserId;

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
    hasher: RandomState,
}

impl RateLimits {
    /// The configured limits, none if they are switched off.
    pub(crate) fn new(config: &config::RateLimits) -> Self {
        let limiter =
            |rate: Rate| if config.enabled { Limiter::new(rate, DefaultClock::default()) } else { Limiter::off() };
        Self {
            login_address: limiter(config.login),
            login_account: limiter(config.login),
            registration: limiter(config.registration),
            registration_token: limiter(config.login),
            lookup: limiter(config.message),
            message: limiter(config.message),
            hasher: RandomState::new(),
        }
    }

    /// Messages and other changes of a user.
    pub fn check_message(&self, user_id: &UserId) -> Result<()> {
        self.message.check(self.hasher.hash_one(user_id))
    }

    /// A password that is tried, from `address` and for the account.
    pub(crate) fn check_login(&self, address: &str, user_id: &str) -> Result<()> {
        self.login_address.check(self.hasher.hash_one(address))?;
        self.check_password(user_id)
    }

    /// A password that a signed-in user is asked for.
    pub(crate) fn check_password(&self, user_id: &str) -> Result<()> {
        self.login_account.check(self.hasher.hash_one(user_id))
    }

    /// An account that is made from `address`.
    pub(crate) fn check_registration(&self, address: &str) -> Result<()> {
        self.registration.check(self.hasher.hash_one(address))
    }

    /// A registration token that is tried from `address`.
    pub(crate) fn check_registration_token(&self, address: &str) -> Result<()> {
        self.registration_token.check(self.hasher.hash_one(address))
    }

    /// A question that needs no account, from `address`: whether a name is free, say.
    pub(crate) fn check_lookup(&self, address: &str) -> Result<()> {
        self.lookup.check(self.hasher.hash_one(address))
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
