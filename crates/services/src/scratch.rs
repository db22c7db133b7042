//! A temporary directory for services that are started together.

use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::Error;

/// A temporary directory, in which each service is given a directory. It is removed with everything in it when it is
/// dropped, and when the process dies in any way, as soon as those services have ended.
#[derive(Debug)]
pub struct Scratch {
    remover: Child,
    path: PathBuf,
}

impl Scratch {
    /// Makes one whose name begins with `prefix`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new(prefix: &str) -> Result<Scratch, Error> {
        // Started by root, PostgreSQL is somebody else and has to get through.
        let mode = if rustix::process::geteuid().is_root() { 0o711 } else { 0o700 };
        let mut builder = tempfile::Builder::new();
        let made = builder.prefix(prefix).permissions(Permissions::from_mode(mode)).tempdir();
        let directory = made.map_err(Error::io("making a temporary directory"))?;
        let remover = Command::new("sh")
            .args(["-c", include_str!("remover.sh"), "remover"])
            .arg(directory.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // As with the services' watchers: an interrupt from the terminal is not for it.
            .process_group(0)
            .spawn()
            .map_err(Error::io("sh"))?;
        Ok(Scratch { remover, path: directory.keep() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.remover.stdin.take());
        self.remover.wait().ok();
    }
}
