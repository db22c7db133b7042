//! Time and randomness, passed in so that tests decide both.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where the current time and random bytes come from.
#[derive(Clone)]
pub struct Env {
    now: Arc<dyn Fn() -> i64 + Send + Sync>,
    random: Arc<dyn Fn(&mut [u8]) + Send + Sync>,
}

impl Env {
    /// The system's clock and its cryptographic random number generator.
    #[expect(clippy::disallowed_methods, reason = "this is where time and randomness come from")]
    pub fn system() -> Self {
        let now = || {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        };
        Self { now: Arc::new(now), random: Arc::new(|bytes| rand::Rng::fill(&mut rand::rng(), bytes)) }
    }

    /// A clock and a generator of the caller's.
    pub fn new(
        now: impl Fn() -> i64 + Send + Sync + 'static,
        random: impl Fn(&mut [u8]) + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), random: Arc::new(random) }
    }

    /// The same with a clock that is wrong by so many milliseconds.
    #[must_use]
    pub fn with_clock_off_by(self, ms: i64) -> Self {
        let now = self.now;
        Self { now: Arc::new(move || now() + ms), random: self.random }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        (self.now)()
    }

    /// `N` random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.random)(&mut bytes);
        bytes
    }

    /// An unguessable token of `N` random bytes, url-safe.
    pub fn token<const N: usize>(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.random::<N>())
    }

    /// An identifier's opaque part in the shape of a room version's reference hash (43 url-safe characters): the time
    /// first, so that an index over ids grows at its end, then 208 random bits.
    pub fn ordered_id(&self) -> String {
        let mut bytes = self.random::<32>();
        bytes[..6].copy_from_slice(&self.now().to_be_bytes()[2..]);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}
