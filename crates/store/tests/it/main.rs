//! The store's suite, through its public door.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod log;
