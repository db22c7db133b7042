//! The program `chatbook`, for tests that kill and restart a process.

use std::{fs, path::PathBuf, process::ExitCode, sync::OnceLock};

use rustix::process::{Signal, getpid, kill_process};
use store::fail_point::{self, Moment};

/// For tests: by how many milliseconds the process's clock is wrong.
const CLOCK: &str = "E2E_CLOCK_OFF_BY_MS";
/// For tests: a file. While it is there and names a moment of a batch, such as `after-commit kill` or
/// `before-commit stop`, the process removes it at that moment, and kills or stops itself.
const FAIL_POINT: &str = "E2E_FAIL_POINT";

static FILE: OnceLock<PathBuf> = OnceLock::new();

#[expect(clippy::disallowed_methods, reason = "the test that starts the process decides")]
fn main() -> ExitCode {
    let off_by = std::env::var(CLOCK).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    if let Ok(file) = std::env::var(FAIL_POINT) {
        FILE.get_or_init(|| file.into());
        fail_point::watch(pass);
    }
    server::main_with(chat::Env::system().with_clock_off_by(off_by))
}

fn pass(moment: Moment) {
    let Some(file) = FILE.get() else { return };
    let Ok(text) = fs::read_to_string(file) else { return };
    let name = match moment {
        Moment::BeforeCommit => "before-commit",
        Moment::AfterCommit => "after-commit",
        Moment::BeforeAcknowledge => "before-acknowledge",
    };
    let signal = match text.trim().split_once(' ') {
        Some((when, "kill")) if when == name => Signal::KILL,
        Some((when, "stop")) if when == name => Signal::STOP,
        _ => return,
    };
    // Of several batches one gets here.
    if fs::remove_file(file).is_ok() {
        kill_process(getpid(), signal).ok();
    }
}
