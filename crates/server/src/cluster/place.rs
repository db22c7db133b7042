//! Where a cluster on one machine has its files.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use services::Scratch;

/// A directory with one below it for each part, and `shared`, which is the nodes' `server.data`.
pub(super) enum Place {
    /// Goes with the cluster.
    Temporary(Scratch),
    /// Stays for the next one.
    Kept {
        path: PathBuf,
        /// Held while this cluster runs.
        _lock: File,
    },
}

impl Place {
    /// This directory, or a temporary one.
    ///
    /// # Errors
    /// A sentence: it is in use, or cannot be used.
    pub(super) fn open(directory: Option<&Path>) -> Result<Place, String> {
        let place = match directory {
            None => Place::Temporary(Scratch::new("chatbook-cluster-").map_err(|error| error.to_string())?),
            Some(directory) => Place::keep(directory)?,
        };
        let shared = place.path().join("shared");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&shared);
        made.map_err(|error| format!("cannot make {}: {error}", shared.display()))?;
        Ok(place)
    }

    fn keep(directory: &Path) -> Result<Place, String> {
        let name = directory.display();
        let failed = |error: std::io::Error| format!("cannot use {name} (--data): {error}");
        if directory.join("chatbook.db").exists() {
            return Err(format!(
                "{name} (--data) holds the data of a single server, which a cluster cannot use: choose another directory"
            ));
        }
        let path = std::path::absolute(directory).map_err(failed)?;
        fs::create_dir_all(&path).map_err(failed)?;
        let lock = File::create(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Place::Kept { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(format!("{name} (--data) is in use by another cluster")),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Place::Temporary(scratch) => scratch.path(),
            Place::Kept { path, .. } => path,
        }
    }

    /// Whether it is there for the next cluster.
    pub(super) fn stays(&self) -> bool {
        matches!(self, Place::Kept { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clusters_cannot_share_a_directory() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("new");
        let first = Place::open(Some(&path)).expect("it is made");
        assert!(first.stays() && path.join("shared").is_dir());
        let error = Place::open(Some(&path)).err().expect("it is taken");
        assert!(error.ends_with("is in use by another cluster"), "{error}");
        drop(first);
        Place::open(Some(&path)).expect("it is free again");
    }

    #[test]
    fn the_data_of_a_single_server_are_not_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("chatbook.db"), "").expect("written");
        let error = Place::open(Some(directory.path())).err().expect("it is refused");
        assert!(error.contains("holds the data of a single server"), "{error}");
        assert!(!directory.path().join("shared").exists());
    }
}
