//! The program with any arguments, while it runs.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::process::{Child, Command};

use crate::process::{Output, program, send};

/// A `chatbook …` process. It is killed when dropped.
pub struct Program {
    child: Child,
    printed: Output,
    logged: Output,
}

impl Program {
    /// Starts it with settings that suit tests, for itself and for the servers that it starts.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(arguments)
            .envs(crate::process::CHEAP)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the process starts");
        let printed = Output::collect(child.stdout.take().expect("stdout is piped"));
        let logged = Output::collect(child.stderr.take().expect("stderr is piped"));
        Self { child, printed, logged }
    }

    /// Its process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        send(name, self.id().expect("the process runs")).await;
    }

    /// Waits for it to end by itself.
    pub async fn wait(&mut self) -> ExitStatus {
        self.child.wait().await.expect("the process can be waited for")
    }

    /// What it has printed to stdout, once `part` is there, or it has ended, or the time is over.
    pub async fn printed_within(&self, patience: Duration, part: &str) -> String {
        self.printed.wait(patience, part).await
    }

    /// What it has written to stderr so far.
    pub fn errors(&self) -> String {
        self.logged.text()
    }
}
