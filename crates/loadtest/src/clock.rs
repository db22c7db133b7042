//! The one place that reads the machine's clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since the generator started. Copies share the same origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub fn now_us(&self) -> u64 {
        micros(self.origin.elapsed())
    }

    /// The runtime's instant for a time on this clock, to sleep until it.
    pub fn instant(&self, us: u64) -> tokio::time::Instant {
        (self.origin + Duration::from_micros(us)).into()
    }
}

/// Whole microseconds.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A name that no earlier run against the same server used: milliseconds since 1970, in hex.
#[expect(clippy::disallowed_methods, reason = "a run has no clock but the machine's")]
pub fn run_name() -> String {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}", since_epoch.as_millis())
}
