//! What can go wrong with a file: the caller decides what it means to a client.

use std::{io, sync::Arc};

/// A failed upload, download or thumbnail. Cheap to clone, since one thumbnail answers many requests.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("there is no such object")]
    Missing,
    /// The disk or its quota is full. Nothing was kept; reads go on.
    #[error("the storage is full")]
    Full,
    /// The file, or the image in it, is larger than allowed.
    #[error("too large")]
    TooLarge,
    /// The sender stopped before the end.
    #[error("the body ended early: {0}")]
    Interrupted(Arc<str>),
    /// No thumbnail can be made of this.
    #[error("not an image that thumbnails can be made of: {0}")]
    Unsupported(Arc<str>),
    /// The storage is not the one that it was: a directory is not mounted, perhaps.
    #[error("the files are not where they were")]
    Away,
    /// Too many thumbnails are waiting to be made.
    #[error("too many thumbnails are waiting")]
    Overloaded,
    /// Anything else the storage reports.
    #[error("storage: {0}")]
    Storage(Arc<str>),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Anything the storage reports that has no name of its own.
    pub(crate) fn storage(error: impl std::fmt::Display) -> Self {
        Self::Storage(error.to_string().into())
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::storage(error),
        }
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return Self::Missing;
        }
        // The store wraps what the disk said; that it is full must not look like a fault of the server.
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<io::Error>()
                && let Self::Full = Self::from(io::Error::from(io.kind()))
            {
                return Self::Full;
            }
            source = cause.source();
        }
        Self::storage(error)
    }
}
