//! What can go wrong with a service, said so that a person knows what to do.

use std::{io, path::PathBuf, time::Duration};

/// A service that could not be started or steered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program is not installed.
    #[error("{program} is missing; on Debian: apt-get install {package}")]
    Missing {
        /// The program that was looked for.
        program: &'static str,
        /// Debian's package that has it.
        package: &'static str,
    },
    /// A service ended while it should have become ready.
    #[error("{service} ended while it started:\n{log}")]
    Ended {
        /// The service's name.
        service: String,
        /// The last lines it wrote.
        log: String,
    },
    /// PostgreSQL, which root starts as the user `postgres`, cannot reach its files.
    #[error("the user postgres, as whom PostgreSQL runs here, may not enter {}: choose another directory", directory.display())]
    Closed {
        /// Where its files would be.
        directory: PathBuf,
    },
    /// Something did not come true in time.
    #[error("waited {} s for {what}", after.as_secs())]
    Timeout {
        /// What was waited for.
        what: String,
        /// For how long.
        after: Duration,
    },
    /// A program that was run for a moment failed.
    #[error("{command} failed: {output}")]
    Command {
        /// The program.
        command: String,
        /// What it wrote, to either output.
        output: String,
    },
    /// No port in the range is free.
    #[error("no free port on 127.0.0.1")]
    NoPort,
    /// The operating system refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: says what was tried when the system refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let what = what.into();
        move |source| Error::Io { what, source }
    }
}
