//! Files that people share: who may upload what, when it is there, who gets it.
//!
//! Client-Server API, "Content repository". Files are immutable once they have content; any signed-in user who knows
//! the id may read one.

use std::{ops::Range, sync::Arc, time::Duration};

pub use ::media::{ByteStream, Error as FileError, Method, Size};
use ::media::{Limits, Storage, Thumbnailer, valid_id};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use ruma::UserId;
use store::media::{Content, MediaRow};
use tokio::sync::broadcast;
use tracing::Instrument;

use crate::{Chat, Error, Result, config};

/// How long a request waits for content at most, and unless it says otherwise, milliseconds.
pub const MAX_WAIT_MS: u64 = 60_000;
/// See [`MAX_WAIT_MS`].
pub const DEFAULT_WAIT_MS: u64 = 20_000;
/// How often a request that waits looks for content that came over another node.
const POLL: Duration = Duration::from_secs(2);
/// To which nothing was written for so long is no upload that another node has under way.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);
/// A client that sends nothing for so long has gone.
const IDLE: Duration = Duration::from_secs(60);
/// How often files without content are looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// The longest file name and content type, bytes.
const MAX_NAME_BYTES: usize = 1024;
const DEFAULT_TYPE: &str = "application/octet-stream";

/// The state of this area.
pub(crate) struct Media {
    files: Storage,
    thumbnails: Thumbnailer,
    /// Ids of files whose content has just arrived.
    arrived: broadcast::Sender<Arc<str>>,
}

impl Media {
    pub(crate) fn new(files: Storage, config: &config::Media) -> Self {
        let limits = Limits { pixels: config.thumbnail_pixels, memory: config.thumbnail_memory_bytes };
        let thumbnails = Thumbnailer::new(files.clone(), limits, config.thumbnails_at_once);
        Self { files, thumbnails, arrived: broadcast::Sender::new(64) }
    }
}

/// What a client says about the file that it uploads.
#[derive(Debug, Clone, Default)]
pub struct Upload {
    /// The declared content type.
    pub content_type: Option<String>,
    /// The declared name.
    pub filename: Option<String>,
    /// The declared size, bytes.
    pub size: Option<u64>,
}

/// A file that has content.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id.
    pub media_id: String,
    /// Bytes.
    pub size: u64,
    /// As declared by the uploader.
    pub content_type: String,
    /// As named by the uploader.
    pub filename: Option<String>,
    object: String,
}

/// An announced file.
#[derive(Debug, Clone)]
pub struct Announced {
    /// `mxc://…`
    pub uri: String,
    /// Until when the content has to be there, milliseconds.
    pub expires_ts: i64,
}

/// Keeps a new file and returns its `mxc://` URI. Durable on return; on an error nothing is left of it.
///
/// # Errors
/// M_TOO_LARGE, M_INVALID_PARAM for its name or type, M_FORBIDDEN past the user's quota, M_LIMIT_EXCEEDED, a full disk.
pub async fn upload<E>(
    chat: &Arc<Chat>,
    user_id: &UserId,
    upload: Upload,
    body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
) -> Result<String>
where
    E: std::fmt::Display + Send + 'static,
{
    chat.rate_limits.check_message(user_id)?;
    let content = check(chat, user_id, upload).await?;
    let row = new_row(chat, user_id, false);
    store::media::insert(&chat.db, &row, 0).await?;
    let uri = uri(chat, &row.media_id);
    // In a task of its own: a client that goes away ends the body, not the cleaning up.
    let (chat, span) = (chat.clone(), tracing::info_span!("media.upload", media.id = row.media_id));
    let task = async move {
        let kept = keep(&chat, &row.media_id, content, body).await;
        if kept.is_err() {
            forget(&chat, &row.media_id).await;
        }
        kept
    };
    joined(tokio::spawn(task.instrument(span)).await)?;
    Ok(uri)
}

/// Announces a file whose content is uploaded later.
///
/// # Errors
/// M_LIMIT_EXCEEDED if the user has too many of these.
pub async fn announce(chat: &Chat, user_id: &UserId) -> Result<Announced> {
    chat.rate_limits.check_message(user_id)?;
    let row = new_row(chat, user_id, true);
    let max = i64::try_from(chat.config.media.pending_per_user).unwrap_or(i64::MAX);
    if !store::media::insert(&chat.db, &row, max).await? {
        // They expire one by one; what helps sooner is to upload their content.
        return Err(Error::RateLimited { retry_after_ms: 60_000 });
    }
    Ok(Announced { uri: uri(chat, &row.media_id), expires_ts: row.expires_ts.unwrap_or(row.created_ts) })
}

/// Keeps the content of a file that the user has announced. Of several uploads at a time the first to finish stands.
///
/// # Errors
/// As [`upload`]; M_NOT_FOUND if it is not announced or has expired, M_FORBIDDEN if another user has announced it,
/// M_CANNOT_OVERWRITE_MEDIA (409) if it has content.
pub async fn upload_announced<E>(
    chat: &Arc<Chat>,
    user_id: &UserId,
    (server_name, media_id): (&str, &str),
    upload: Upload,
    body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
) -> Result<()>
where
    E: std::fmt::Display + Send + 'static,
{
    chat.rate_limits.check_message(user_id)?;
    let row = row(chat, server_name, media_id).await?;
    if row.user_id != user_id.as_str() {
        return Err(Error::forbidden("Another user has announced this file."));
    }
    if row.content.is_some() || !row.reserved {
        return Err(overwrite());
    }
    let content = check(chat, user_id, upload).await?;
    let (chat, span) = (chat.clone(), tracing::info_span!("media.upload", media.id = row.media_id));
    let task = async move {
        let object = content.object.clone();
        let kept = keep(&chat, &row.media_id, content, body).await;
        if kept.is_err() {
            chat.media.files.discard(&row.media_id, &object).await;
        }
        kept
    };
    joined(tokio::spawn(task.instrument(span)).await)
}

/// The file to be downloaded, as soon as it has content, for which it waits `timeout_ms` at most.
///
/// # Errors
/// M_NOT_FOUND, M_NOT_YET_UPLOADED (504).
#[tracing::instrument(name = "media.download", skip_all, fields(media.id = media_id))]
pub async fn find(chat: &Chat, server_name: &str, media_id: &str, timeout_ms: Option<u64>) -> Result<Found> {
    let wait = Duration::from_millis(timeout_ms.unwrap_or(DEFAULT_WAIT_MS).min(MAX_WAIT_MS));
    let deadline = tokio::time::Instant::now() + wait;
    // Subscribed before the first look, so that nothing arrives between the two.
    let mut arrivals = chat.media.arrived.subscribe();
    let mut stopping = chat.shutdown.subscribe();
    loop {
        let row = row(chat, server_name, media_id).await?;
        if let Some(content) = row.content {
            return Ok(Found {
                media_id: row.media_id,
                size: u64::try_from(content.size).unwrap_or(0),
                content_type: content.content_type,
                filename: content.filename,
                object: content.object,
            });
        }
        let look_again = tokio::time::Instant::now() + POLL;
        let arrival = async {
            // Having missed some is a reason to look, too.
            while arrivals.recv().await.is_ok_and(|id| id.as_ref() != media_id) {}
        };
        let stopped = stopping.wait_for(|stopping| *stopping);
        tokio::select! {
            () = arrival => {}
            () = tokio::time::sleep_until(look_again.min(deadline)) => {
                if tokio::time::Instant::now() >= deadline {
                    return Err(not_yet());
                }
            }
            _ = stopped => return Err(not_yet()),
        }
    }
}

/// The bytes of a file in `range`, which must lie within it.
pub async fn read(chat: &Chat, found: &Found, range: Range<u64>) -> Result<ByteStream> {
    Ok(chat.media.files.read(&found.media_id, &found.object, range).await?)
}

/// A thumbnail at least as large as `size` if there are such, and its content type.
///
/// # Errors
/// M_UNKNOWN (400) if none can be made of this file, M_TOO_LARGE, M_LIMIT_EXCEEDED.
pub async fn thumbnail(chat: &Chat, found: &Found, size: Size) -> Result<(Bytes, &'static str)> {
    // What does not claim to be a picture is not read: most files are videos, documents or encrypted.
    if !found.content_type.to_ascii_lowercase().starts_with("image/") {
        return Err(FileError::Unsupported("it is not declared as a picture".into()).into());
    }
    Ok(chat.media.thumbnails.get(&found.media_id, &found.object, found.size, size).await?)
}

/// Removes what earlier uploads left behind, now and every hour, until the rules are dropped.
pub(crate) fn start_sweeping(chat: &Arc<Chat>) {
    let chat = Arc::downgrade(chat);
    tokio::spawn(async move {
        let Some((files, shared)) = chat.upgrade().map(|chat| (chat.media.files.clone(), chat.db.is_shared())) else {
            return;
        };
        match files.sweep(if shared { ABANDONED } else { Duration::ZERO }).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed half-written files that nobody writes any more"),
            Err(error) => tracing::warn!(%error, "half-written files could not be looked for"),
        }
        drop(files);
        while let Some(chat) = chat.upgrade() {
            if let Err(error) = sweep(&chat).await {
                tracing::warn!(%error, "files without content could not be removed");
            }
            drop(chat);
            tokio::time::sleep(SWEEP).await;
        }
    });
}

/// Removes files whose content did not come in time; returns how many.
pub async fn sweep(chat: &Chat) -> Result<usize> {
    let expired = store::media::expired(&chat.db, chat.env.now()).await?;
    for media_id in &expired {
        chat.media.files.remove(media_id).await?;
        store::media::forget(&chat.db, media_id).await?;
    }
    Ok(expired.len())
}

fn new_row(chat: &Chat, user_id: &UserId, reserved: bool) -> MediaRow {
    let now = chat.env.now();
    // What is being uploaded may take its time.
    let day = i64::try_from(ABANDONED.as_millis()).unwrap_or(i64::MAX);
    let lifetime = if reserved { chat.config.media.pending_lifetime_ms } else { day };
    MediaRow {
        media_id: chat.env.token::<18>(),
        user_id: user_id.as_str().to_owned(),
        reserved,
        created_ts: now,
        expires_ts: Some(now.saturating_add(lifetime)),
        content: None,
    }
}

fn uri(chat: &Chat, media_id: &str) -> String {
    format!("mxc://{}/{media_id}", chat.server_name)
}

/// The row of a file that exists and has not expired.
async fn row(chat: &Chat, server_name: &str, media_id: &str) -> Result<MediaRow> {
    let missing = || Error::not_found("There is no such file.");
    if server_name != chat.server_name.as_str() || !valid_id(media_id) {
        return Err(missing());
    }
    let row = store::media::get(&chat.db, media_id).await?.ok_or_else(missing)?;
    let expired = row.expires_ts.is_some_and(|expires| expires <= chat.env.now());
    if expired { Err(missing()) } else { Ok(row) }
}

/// Checks what is known before the first byte, so that a large upload fails at once.
async fn check(chat: &Chat, user_id: &UserId, upload: Upload) -> Result<Content> {
    let quota = chat.config.media.quota_bytes;
    if upload.size.is_some_and(|size| size > chat.config.limits.upload_bytes) {
        return Err(too_large(chat));
    }
    if quota > 0 {
        let used = u64::try_from(store::media::usage(&chat.db, user_id.as_str()).await?).unwrap_or(0);
        if used.saturating_add(upload.size.unwrap_or(0)) > quota {
            return Err(Error::forbidden("This would be more than you may keep on this server."));
        }
    }
    let content_type = upload.content_type.filter(|given| !given.trim().is_empty());
    let content_type = content_type.unwrap_or_else(|| DEFAULT_TYPE.to_owned());
    if !is_content_type(&content_type) {
        return Err(Error::invalid("The content type is not one."));
    }
    let filename = upload.filename.filter(|name| !name.is_empty());
    if filename.as_ref().is_some_and(|name| name.len() > MAX_NAME_BYTES) {
        return Err(Error::invalid("The file's name is too long."));
    }
    let object = format!("content-{}", chat.env.token::<9>());
    Ok(Content { object, size: 0, content_type, filename })
}

/// `type/subtype`, and parameters of printable ASCII (RFC 9110, section 8.3.1).
fn is_content_type(value: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c))
    };
    let essence = value.split(';').next().unwrap_or(value).trim();
    value.len() <= 255
        && value.bytes().all(|c| (0x20..0x7f).contains(&c))
        && essence.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// Writes the bytes, then the row: a file is found when all of it is on disk.
async fn keep<E: std::fmt::Display + Send>(
    chat: &Chat,
    media_id: &str,
    mut content: Content,
    body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
) -> Result<()> {
    let body = Box::pin(while_it_flows(body));
    let size = match chat.media.files.put(media_id, &content.object, body, chat.config.limits.upload_bytes).await {
        Ok(size) => size,
        Err(FileError::TooLarge) => return Err(too_large(chat)),
        Err(error) => return Err(error.into()),
    };
    content.size = i64::try_from(size).unwrap_or(i64::MAX);
    if !store::media::finish(&chat.db, media_id, &content, chat.env.now()).await? {
        return Err(overwrite());
    }
    chat.media.arrived.send(media_id.into()).ok();
    Ok(())
}

/// The body, which ends with an error when nothing comes for a while.
fn while_it_flows<E: std::fmt::Display>(
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> impl Stream<Item = Result<Bytes, String>> {
    futures_util::stream::unfold(Some(body), |body| async {
        let mut body = body?;
        match tokio::time::timeout(IDLE, body.next()).await {
            Ok(None) => None,
            Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(body))),
            Ok(Some(Err(error))) => Some((Err(error.to_string()), None)),
            Err(_) => Some((Err("nothing came for a minute".to_owned()), None)),
        }
    })
}

/// Forgets a file whose upload failed. What cannot be removed now is removed when it expires.
async fn forget(chat: &Chat, media_id: &str) {
    let forgotten = async {
        chat.media.files.remove(media_id).await?;
        Ok::<_, Error>(store::media::forget(&chat.db, media_id).await?)
    };
    if let Err(error) = forgotten.await {
        tracing::warn!(media.id = media_id, %error, "a failed upload could not be removed yet");
    }
}

fn joined(result: Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    result.unwrap_or_else(|error| Err(Error::Store(store::Error::Database(error.to_string().into()))))
}

fn too_large(chat: &Chat) -> Error {
    let limit = chat.config.limits.upload_bytes;
    Error::matrix(413, "M_TOO_LARGE", format!("Files may have {limit} bytes here at most."))
}

fn overwrite() -> Error {
    Error::matrix(409, "M_CANNOT_OVERWRITE_MEDIA", "The file has been uploaded already.")
}

fn not_yet() -> Error {
    Error::matrix(504, "M_NOT_YET_UPLOADED", "The file has not been uploaded yet: try again later.")
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Missing => Self::not_found("The content of this file is gone."),
            FileError::Full => Self::Store(store::Error::Full),
            FileError::TooLarge => Self::matrix(413, "M_TOO_LARGE", "The picture is too large for a thumbnail."),
            FileError::Interrupted(why) => {
                Self::matrix(400, "M_UNKNOWN", format!("The upload was interrupted: {why}."))
            }
            FileError::Unsupported(why) => {
                Self::matrix(400, "M_UNKNOWN", format!("No thumbnail can be made of this file: {why}."))
            }
            FileError::Overloaded => Self::RateLimited { retry_after_ms: 2000 },
            FileError::Away => Self::FilesAway,
            FileError::Storage(why) => Self::Files(why),
        }
    }
}
