//! A program of the caller's.

use std::{ffi::OsString, path::Path};

use rustix::process::Signal;

use crate::{
    Error,
    directory::Directory,
    service::{Program, Service},
};

/// A program of the caller's that is run as the services are: it ends with its value and with the process that started it.
#[derive(Debug)]
pub struct Daemon(Service);

impl Daemon {
    /// Starts a program with its arguments. It runs in this directory, which is made if it is missing, has what it writes
    /// there in the file `log`, and is ended by SIGTERM. Errors call it by `name`.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn start(name: &str, directory: &Path, arguments: Vec<OsString>) -> Result<Daemon, Error> {
        let program = Program { name: name.to_owned().into(), arguments, ending: "TERM" };
        Ok(Daemon(Service::start(Directory::given(directory).await?, program)?))
    }

    /// Waits until `ready` answers true.
    ///
    /// # Errors
    /// If it ends before, with the last lines that it wrote, or takes too long.
    pub async fn ready(&self, ready: impl AsyncFn() -> bool) -> Result<(), Error> {
        self.0.ready(ready).await
    }

    /// The number of its process, if it runs.
    pub async fn process(&self) -> Option<u32> {
        self.0.id().await
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.0.directory()
    }

    /// SIGKILL.
    pub async fn kill(&self) {
        self.0.kill().await;
    }

    /// Starts it again, after ending what still ran.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn start_again(&self) -> Result<(), Error> {
        self.0.start_again().await
    }

    /// Ends it by SIGTERM and waits until it has ended.
    pub async fn stop(&self) {
        self.0.end(Signal::TERM).await;
    }
}
