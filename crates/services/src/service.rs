//! What all services have in common: a directory, a process, and the ways to break and to end it.

use std::{borrow::Cow, ffi::OsString, fs, path::Path, time::Duration};

use rustix::process::{Pid, Signal};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use crate::{Error, directory::Directory, process::Process, tree};

/// How long a service may take to become ready. Crash recovery on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// How a service is run.
#[derive(Debug)]
pub(crate) struct Program {
    /// The service's name in errors.
    pub(crate) name: Cow<'static, str>,
    /// The program with its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// The signal that ends it at once, but in order.
    pub(crate) ending: &'static str,
}

/// A service that was started, and may be dead at the moment.
#[derive(Debug)]
pub(crate) struct Service {
    program: Program,
    process: Mutex<Process>,
    // Below the process: fields are dropped in this order.
    directory: Directory,
}

impl Service {
    /// Starts the process; [`Service::ready`] waits for it.
    pub(crate) fn start(directory: Directory, program: Program) -> Result<Service, Error> {
        let process = launch(&directory, &program)?;
        Ok(Service { program, process: Mutex::new(process), directory })
    }

    /// Waits until `ready` answers true.
    pub(crate) async fn ready(&self, ready: impl AsyncFn() -> bool) -> Result<(), Error> {
        until(&format!("{} to become ready", self.program.name), async || {
            if ready().await {
                return Ok(true);
            }
            self.pid().await?;
            Ok(false)
        })
        .await
    }

    /// Starts it again in its directory, after ending what still ran.
    pub(crate) async fn start_again(&self) -> Result<(), Error> {
        let mut process = self.process.lock().await;
        // A service that ends does not know its successor: the old one must be gone before the new one starts. Its
        // watcher stays till then, so that the directory always has one.
        clear(&process).await;
        let new = launch(&self.directory, &self.program)?;
        std::mem::replace(&mut *process, new).release();
        Ok(())
    }

    /// SIGKILL to all of its processes, also to those that are left of a service whose first process has ended.
    pub(crate) async fn kill(&self) {
        clear(&*self.process.lock().await).await;
    }

    /// SIGSTOP to all of its processes.
    pub(crate) async fn pause(&self) {
        if let Some(pid) = self.process.lock().await.running() {
            tree::freeze(pid).await;
        }
    }

    /// SIGCONT to all of its processes.
    pub(crate) async fn resume(&self) {
        if let Some(pid) = self.process.lock().await.running() {
            tree::thaw(pid);
        }
    }

    /// Sends a signal that ends it, and waits until it has ended.
    pub(crate) async fn end(&self, signal: Signal) {
        if let Some(pid) = self.process.lock().await.running() {
            tree::signal(pid, signal);
            tree::thaw(pid);
            tree::gone(pid).await;
        }
    }

    /// Its first process.
    ///
    /// # Errors
    /// [`Error::Ended`] if it does not run.
    pub(crate) async fn pid(&self) -> Result<Pid, Error> {
        let ended = || Error::Ended { service: self.program.name.to_string(), log: self.log() };
        self.process.lock().await.running().ok_or_else(ended)
    }

    /// The number of its first process, if it runs.
    pub(crate) async fn id(&self) -> Option<u32> {
        u32::try_from(self.process.lock().await.running()?.as_raw_nonzero().get()).ok()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The last lines that it wrote.
    fn log(&self) -> String {
        let log = fs::read(self.directory().join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Asks until the answer is true or an error.
pub(crate) async fn until(what: &str, ask: impl AsyncFn() -> Result<bool, Error>) -> Result<(), Error> {
    let begin = Instant::now();
    while !ask().await? {
        if begin.elapsed() > PATIENCE {
            return Err(Error::Timeout { what: what.to_owned(), after: PATIENCE });
        }
        sleep(POLL).await;
    }
    Ok(())
}

fn launch(directory: &Directory, program: &Program) -> Result<Process, Error> {
    Process::start(directory, program.ending, &program.arguments).map_err(Error::io(program.name.as_ref()))
}

async fn clear(process: &Process) {
    if let Some(pid) = process.running() {
        tree::kill(pid).await;
    }
    for pid in process.orphans() {
        tree::signal(pid, Signal::KILL);
        tree::gone(pid).await;
    }
}
