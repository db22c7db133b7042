//! Makes thumbnails when they are first asked for, each once, a few at a time, and keeps them.

use std::{
    io::BufReader,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use dashmap::DashMap;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
    stream,
};
use tokio::sync::Semaphore;

use crate::{
    error::{Error, Result},
    storage::Storage,
    thumbnail::{self, Limits, Size},
};

/// Thumbnails that may wait for their turn; more are refused, and the clients come back.
const WAITING: usize = 256;
/// Pictures in larger files are not opened, bytes: the JPEG decoder holds the whole file.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

type Flight = Shared<BoxFuture<'static, Result<Bytes>>>;

/// Makes and keeps thumbnails. Clones share it.
#[derive(Clone)]
pub struct Thumbnailer {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Storage,
    limits: Limits,
    permits: Semaphore,
    waiting: AtomicUsize,
    flights: DashMap<String, Flight>,
    rendered: AtomicUsize,
}

impl Thumbnailer {
    /// Decodes `at_once` pictures at the same time, each within the limits.
    pub fn new(storage: Storage, limits: Limits, at_once: usize) -> Self {
        let inner = Inner {
            storage,
            limits,
            permits: Semaphore::new(at_once.max(1)),
            waiting: AtomicUsize::new(0),
            flights: DashMap::new(),
            rendered: AtomicUsize::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The thumbnail of an object of `bytes` bytes, and its content type. Requests for the same one wait for each
    /// other, and it is made even if they stop waiting.
    ///
    /// # Errors
    /// [`Error::Unsupported`], [`Error::TooLarge`], [`Error::Overloaded`], [`Error::Missing`].
    pub async fn get(&self, id: &str, object: &str, bytes: u64, size: Size) -> Result<(Bytes, &'static str)> {
        let name = format!("thumbnail-{}", size.name());
        let found = match self.inner.storage.get(id, &name).await? {
            Some(found) => found,
            None if bytes > MAX_FILE_BYTES => return Err(Error::TooLarge),
            None => self.flight(id, object, size, name).await?,
        };
        let content_type = thumbnail::content_type(&found);
        Ok((found, content_type))
    }

    /// How many thumbnails were made since the start.
    pub fn rendered(&self) -> usize {
        self.inner.rendered.load(Ordering::Relaxed)
    }

    fn flight(&self, id: &str, object: &str, size: Size, name: String) -> Flight {
        let key = format!("{id}/{name}");
        let start = || {
            let (inner, key) = (self.inner.clone(), key.clone());
            let (id, object) = (id.to_owned(), object.to_owned());
            let task = tokio::spawn(async move {
                let made = inner.make(&id, &object, size, &name).await;
                inner.flights.remove(&key);
                made
            });
            async move { task.await.map_err(Error::storage)? }.boxed().shared()
        };
        self.inner.flights.entry(key.clone()).or_insert_with(start).clone()
    }
}

impl Inner {
    async fn make(&self, id: &str, object: &str, size: Size, name: &str) -> Result<Bytes> {
        let _waiting = Waiting::enter(&self.waiting)?;
        let _permit = self.permits.acquire().await.map_err(Error::storage)?;
        // The flight before this one may have made it between the look-up and the start.
        if let Some(found) = self.storage.get(id, name).await? {
            return Ok(found);
        }
        let source = BufReader::new(self.storage.open(id, object).await?);
        let limits = self.limits;
        // A decoder that panics has met a picture that nothing can be made of.
        let rendered = tokio::task::spawn_blocking(move || thumbnail::render(source, size, limits));
        let rendered = rendered.await.unwrap_or_else(|_| Err(Error::Unsupported("the decoder gave up".into())))?;
        self.rendered.fetch_add(1, Ordering::Relaxed);
        let rendered = Bytes::from(rendered);
        let body = stream::iter([Ok::<_, Error>(rendered.clone())]);
        // It can be shown even if it cannot be kept: reads go on while the disk is full.
        if let Err(error) = self.storage.put(id, name, body, u64::MAX).await {
            tracing::warn!(media.id = id, %error, "a thumbnail could not be kept");
        }
        Ok(rendered)
    }
}

/// A place in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Result<Self> {
        if count.fetch_add(1, Ordering::Relaxed) >= WAITING {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Overloaded);
        }
        Ok(Self(count))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "thumbnailer_tests.rs"]
mod tests;
