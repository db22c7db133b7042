//! Where a service has its files.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{Error, service::until};

/// A service's directory.
#[derive(Debug)]
pub(crate) enum Directory {
    /// Of the service's own: it goes with the service.
    Own(TempDir),
    /// Of somebody else's: it stays, for a service that is started there later.
    Given(PathBuf),
}

impl Directory {
    /// A new one in the system's directory for temporary files.
    pub(crate) fn temporary() -> Result<Directory, Error> {
        let made = tempfile::Builder::new().prefix("chatbook-service-").tempdir();
        made.map(Directory::Own).map_err(Error::io("making a temporary directory"))
    }

    /// This one, which is made if it is missing. Waits for a service that had it before, whose process was perhaps killed
    /// a moment ago.
    pub(crate) async fn given(path: &Path) -> Result<Directory, Error> {
        let place = path.display();
        let path = std::path::absolute(path).map_err(Error::io(format!("finding {place}")))?;
        fs::create_dir_all(&path).map_err(Error::io(format!("making {place}")))?;
        // Every service's watcher, and with it the service, holds this lock for as long as it lives.
        let lock = File::create(path.join("lock")).map_err(Error::io(format!("writing to {place}")))?;
        until(&format!("the service that runs in {place}"), async || match lock.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(Error::Io { what: format!("locking {place}"), source }),
        })
        .await?;
        Ok(Directory::Given(path))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Directory::Own(directory) => directory.path(),
            Directory::Given(path) => path,
        }
    }

    /// Whether it stays when the service is gone.
    pub(crate) fn stays(&self) -> bool {
        matches!(self, Directory::Given(_))
    }
}
