//! What a rule answers when it says no. The API turns each kind into a Matrix error.

/// Why a command was refused, in words for the person at the other end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The rules do not allow it (M_FORBIDDEN).
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or the caller may not know of it (M_NOT_FOUND).
    #[error("{0}")]
    NotFound(String),
    /// The request is well-formed JSON but makes no sense (M_INVALID_PARAM).
    #[error("{0}")]
    Invalid(String),
    /// Some other Matrix error of status 4xx.
    #[error("{message}")]
    Matrix {
        /// HTTP status.
        status: u16,
        /// Such as `M_ROOM_IN_USE`.
        errcode: &'static str,
        /// A sentence that helps.
        message: String,
    },
    /// Slow down (M_LIMIT_EXCEEDED).
    #[error("too many requests")]
    RateLimited {
        /// When to come back, milliseconds.
        retry_after_ms: u64,
    },
    /// The access token has expired; the device is still signed in (M_UNKNOWN_TOKEN with `soft_logout`).
    #[error("the access token has expired: refresh it or sign in again")]
    SoftLogout,
    /// There is more to show before the operation runs (401 of user-interactive authentication).
    #[error("more authentication is needed")]
    Challenge(Box<crate::uia::Challenge>),
    /// The files failed.
    #[error("files: {0}")]
    Files(std::sync::Arc<str>),
    /// The files are not where they were, at this node or at all.
    #[error("files: they are not where they were")]
    FilesAway,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// [`Error::Forbidden`]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden(message.into())
    }
    /// [`Error::NotFound`]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(message.into())
    }
    /// [`Error::Invalid`]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
    /// [`Error::Matrix`]
    pub fn matrix(status: u16, errcode: &'static str, message: impl Into<String>) -> Self {
        Self::Matrix { status, errcode, message: message.into() }
    }
}
