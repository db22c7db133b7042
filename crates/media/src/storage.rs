//! Where files lie: streamed in, durable once acknowledged, streamed out in parts.

use std::{
    fs::File,
    io::{Cursor, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use futures_util::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use object_store::{
    GetOptions, GetRange, GetResultPayload, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
    local::LocalFileSystem, memory::InMemory, path::Path,
};

use crate::error::{Error, Result};

/// Bytes of an object, in order.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// What is read from a local file at once.
const READ_BYTES: usize = 128 * 1024;
/// What an upload gathers before it is written. S3 takes no smaller parts than this.
const REMOTE_PART_BYTES: usize = 5 * 1024 * 1024;
/// The same on a local disk, where nothing is won by more.
const LOCAL_PART_BYTES: usize = 512 * 1024;

/// The object that tells one storage from another.
pub const MARK: &str = "mark";

/// The files. Clones share it.
#[derive(Clone)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    /// The directory, if they lie on a local disk.
    local: Option<Arc<FilePath>>,
    part_bytes: usize,
    /// What it has to be marked with, and whether it was not when somebody last looked.
    mark: Option<Arc<(String, AtomicBool)>>,
}

/// Whether `id` may name a file: 1 to 255 of the characters that Matrix content URIs consist of. Anything else, such as
/// a path, names none.
pub fn valid_id(id: &str) -> bool {
    let valid = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    (1..=255).contains(&id.len()) && id.bytes().all(valid)
}

impl Storage {
    /// Keeps files in a directory of a local disk, which is made if it is missing.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub fn local(dir: &FilePath) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let store = LocalFileSystem::new_with_prefix(&dir)?.with_fsync(true);
        Ok(Self { store: Arc::new(store), local: Some(dir.into()), part_bytes: LOCAL_PART_BYTES, mark: None })
    }

    /// Keeps files in memory, for tests.
    pub fn memory() -> Self {
        Self::remote(Arc::new(InMemory::new()))
    }

    /// Keeps files in any object store.
    pub fn remote(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, local: None, part_bytes: REMOTE_PART_BYTES, mark: None }
    }

    /// What the storage is marked with, and from now on `wanted` if it bears no mark: so that whoever keeps books of the
    /// files finds out that these are other files.
    ///
    /// # Errors
    /// The storage cannot be written.
    pub async fn mark(&self, wanted: &str) -> Result<String> {
        if let Some(mark) = self.marked().await? {
            return Ok(mark);
        }
        let path = Path::from(MARK);
        match self.store.put_opts(&path, wanted.to_owned().into(), PutMode::Create.into()).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => {}
            // A file system without hard links makes no difference between what is new and what is not.
            Err(_) if self.marked().await?.is_none() => drop(self.store.put(&path, wanted.to_owned().into()).await?),
            Err(_) => {}
        }
        Ok(self.marked().await?.unwrap_or_else(|| wanted.to_owned()))
    }

    /// What the storage is marked with.
    ///
    /// # Errors
    /// The storage cannot be read.
    pub async fn marked(&self) -> Result<Option<String>> {
        match self.store.get(&Path::from(MARK)).await {
            Ok(found) => {
                let bytes = found.bytes().await?;
                let mark = str::from_utf8(&bytes).unwrap_or_default().trim();
                if valid_id(mark) {
                    return Ok(Some(mark.to_owned()));
                }
                Err(Error::storage(format!(
                    "the file \"{MARK}\" there holds no mark: remove it, or put the right one back"
                )))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same, as long as it bears this mark: from now on nothing is kept there, missed or removed while it does not. A
    /// shared directory that is unmounted leaves an empty one in its place.
    #[must_use]
    pub fn expecting(self, mark: &str) -> Self {
        Self { mark: Some(Arc::new((mark.to_owned(), AtomicBool::new(false)))), ..self }
    }

    /// # Errors
    /// [`Error::Away`] if this is not the storage that it was.
    async fn verify(&self) -> Result<()> {
        let Some((mark, away)) = self.mark.as_deref() else { return Ok(()) };
        let found = self.marked().await;
        let is_away = !found.as_ref().is_ok_and(|found| found.as_ref() == Some(mark));
        match (away.swap(is_away, Relaxed), is_away) {
            (false, true) => {
                let why = "the files are not where they were: is a directory not mounted?";
                tracing::error!(name: "media.away", found = ?found, "{why}");
            }
            (true, false) => tracing::info!(name: "media.back", "the files are where they were again"),
            _ => {}
        }
        if is_away { Err(Error::Away) } else { Ok(()) }
    }

    /// The failure, unless the reason is that the files are away.
    async fn failed(&self, error: impl Into<Error>) -> Error {
        match error.into() {
            error @ (Error::Missing | Error::Full | Error::Storage(_)) => self.verify().await.err().unwrap_or(error),
            error => error,
        }
    }

    /// Keeps `body` as the object `name` of the file `id` and returns its size. Durable on return; on an error nothing
    /// is left of it.
    ///
    /// # Errors
    /// [`Error::TooLarge`] past `max` bytes, [`Error::Full`], [`Error::Interrupted`] if the body fails.
    pub async fn put<E: std::fmt::Display>(
        &self,
        id: &str,
        name: &str,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        max: u64,
    ) -> Result<u64> {
        self.verify().await?;
        let written = match self.write(&path(id, name), body, max).await {
            // It may have gone meanwhile.
            Ok(size) => self.verify().await.map(|()| size),
            Err(error) => Err(self.failed(error).await),
        };
        if written.is_err() {
            self.discard(id, name).await;
        }
        written
    }

    async fn write<E: std::fmt::Display>(
        &self,
        path: &Path,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        max: u64,
    ) -> Result<u64> {
        let mut parts = Parts { body, pending: BytesMut::new(), total: 0, max, part_bytes: self.part_bytes };
        let first = parts.next().await?;
        if first.len() < self.part_bytes {
            self.store.put(path, first.into()).await?;
            return Ok(parts.total);
        }
        let mut upload = self.store.put_multipart(path).await?;
        let written = write_parts(upload.as_mut(), first, &mut parts).await;
        if written.is_err() {
            // A failed abort leaves parts behind, which the store's own clean-up or the next start removes.
            upload.abort().await.ok();
        }
        written.map(|()| parts.total)
    }

    /// The bytes of an object in `range`, which must lie within it.
    ///
    /// # Errors
    /// [`Error::Missing`]
    pub async fn read(&self, id: &str, name: &str, range: Range<u64>) -> Result<ByteStream> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        let found = match self.store.get_opts(&path(id, name), options).await {
            Ok(found) => found,
            Err(error) => return Err(self.failed(error).await),
        };
        Ok(match found.payload {
            GetResultPayload::File(file, _) => read_file(file, found.range),
            GetResultPayload::Stream(bytes) => bytes.map_err(Error::from).boxed(),
        })
    }

    /// A small object, whole.
    pub async fn get(&self, id: &str, name: &str) -> Result<Option<Bytes>> {
        match self.store.get(&path(id, name)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(error) => match self.failed(error).await {
                Error::Missing => Ok(None),
                error => Err(error),
            },
        }
    }

    /// An object for a decoder that jumps back and forth: the file itself, or its bytes if it has none.
    pub(crate) async fn open(&self, id: &str, name: &str) -> Result<Box<dyn ReadSeek>> {
        let found = match self.store.get(&path(id, name)).await {
            Ok(found) => found,
            Err(error) => return Err(self.failed(error).await),
        };
        Ok(match found.payload {
            GetResultPayload::File(file, _) => Box::new(file),
            GetResultPayload::Stream(_) => Box::new(Cursor::new(found.bytes().await?)),
        })
    }

    /// Removes one object and what a failed upload left of it. What is not there is as good as removed.
    pub async fn discard(&self, id: &str, name: &str) {
        let path = path(id, name);
        if let Err(error) = self.store.delete(&path).await
            && !matches!(Error::from(error), Error::Missing)
        {
            tracing::warn!(media.id = id, object = name, "an object could not be removed");
        }
        if let Some(dir) = &self.local {
            let (dir, name) = (dir.join(prefix(id)), format!("{name}#"));
            blocking(move || remove_staged(&dir, &name)).await.ok();
        }
    }

    /// Removes all objects of a file.
    pub async fn remove(&self, id: &str) -> Result<()> {
        self.verify().await?;
        if let Some(dir) = &self.local {
            let dir = dir.join(prefix(id));
            return blocking(move || match std::fs::remove_dir_all(dir) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            })
            .await;
        }
        let objects = self.store.list(Some(&Path::from(prefix(id)))).map_ok(|object| object.location).boxed();
        Ok(self.store.delete_stream(objects).try_for_each(|_| async { Ok(()) }).await?)
    }

    /// Removes what uploads left behind on a local disk to which nothing was written for so long. None of this process's
    /// began so long ago; other processes may be writing theirs.
    pub async fn sweep(&self, age: Duration) -> Result<usize> {
        let Some(dir) = self.local.clone() else { return Ok(0) };
        blocking(move || {
            // The disk's own clock decides what is older than now.
            let marker = dir.join(".started");
            File::create(&marker)?.sync_all()?;
            let now = std::fs::metadata(&marker)?.modified()?;
            sweep_dir(&dir, now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH))
        })
        .await
    }
}

/// What image decoders read from.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// Two characters of the id spread files over directories. They are its last: ids may begin with a time.
fn prefix(id: &str) -> String {
    format!("{}/{id}", &id[id.len().saturating_sub(2)..])
}

fn path(id: &str, name: &str) -> Path {
    debug_assert!(valid_id(id) && valid_id(name), "{id} {name}");
    Path::from(format!("{}/{name}", prefix(id)))
}

/// A body, cut into parts of equal size.
struct Parts<S> {
    body: S,
    pending: BytesMut,
    total: u64,
    max: u64,
    part_bytes: usize,
}

impl<S, E> Parts<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    /// The next part. One shorter than the others is the last; it may be empty.
    async fn next(&mut self) -> Result<Bytes> {
        while self.pending.len() < self.part_bytes {
            let Some(bytes) = self.body.next().await else { return Ok(self.pending.split().freeze()) };
            let bytes = bytes.map_err(|error| Error::Interrupted(error.to_string().into()))?;
            self.total += bytes.len() as u64;
            if self.total > self.max {
                return Err(Error::TooLarge);
            }
            self.pending.extend_from_slice(&bytes);
        }
        Ok(self.pending.split_to(self.part_bytes).freeze())
    }
}

async fn write_parts<S, E>(upload: &mut dyn MultipartUpload, first: Bytes, parts: &mut Parts<S>) -> Result<()>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    let mut part = first;
    while !part.is_empty() {
        let last = part.len() < parts.part_bytes;
        upload.put_part(PutPayload::from(part)).await?;
        part = if last { Bytes::new() } else { parts.next().await? };
    }
    upload.complete().await?;
    Ok(())
}

/// Reads on the blocking pool, a chunk at a time, and only as fast as the reader takes it.
fn read_file(file: File, range: Range<u64>) -> ByteStream {
    let next = |(mut file, range): (File, Range<u64>)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let read = move || {
            let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX).min(READ_BYTES);
            let mut bytes = vec![0; wanted];
            file.seek(SeekFrom::Start(range.start))?;
            file.read_exact(&mut bytes)?;
            Ok(Some((Bytes::from(bytes), (file, range.start + wanted as u64..range.end))))
        };
        blocking(read).await
    };
    stream::try_unfold((file, range), next).boxed()
}

/// Removes the half-written files `name#<number>` of an object, and its directory if nothing else is in it.
fn remove_staged(dir: &FilePath, name: &str) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(name) {
            std::fs::remove_file(entry.path())?;
        }
    }
    // Fails if there is something left, as it should.
    std::fs::remove_dir(dir).ok();
    Ok(())
}

fn sweep_dir(dir: &FilePath, before: SystemTime) -> Result<usize> {
    let mut removed = 0;
    let mut dirs = vec![PathBuf::from(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                dirs.push(entry.path());
            } else if is_staged(&entry.file_name().to_string_lossy()) && entry.metadata()?.modified()? < before {
                std::fs::remove_file(entry.path())?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// How the store names what it has not finished writing.
fn is_staged(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::storage)?
}

#[cfg(test)]
#[path = "storage_tests.rs"]
mod tests;
