//! The program `chatbook`, for tests that kill and restart a process.

use std::process::ExitCode;

/// For tests: by how many milliseconds the process's clock is wrong.
const CLOCK: &str = "E2E_CLOCK_OFF_BY_MS";

#[expect(clippy::disallowed_methods, reason = "the test that starts the process decides")]
fn main() -> ExitCode {
    let off_by = std::env::var(CLOCK).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    server::main_with(chat::Env::system().with_clock_off_by(off_by))
}
