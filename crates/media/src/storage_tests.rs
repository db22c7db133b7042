//! One suite for every kind of storage, then what concerns a local disk only.

use std::{fmt, io};

use async_trait::async_trait;
use object_store::{
    CopyOptions, GetResult, ListResult, ObjectMeta, PutMultipartOptions, PutOptions, PutResult, UploadPart,
};
use tempfile::TempDir;

use super::*;

/// A body in chunks of 1000 bytes whose n-th byte is n modulo 251.
fn body(size: usize) -> impl Stream<Item = Result<Bytes, String>> + Unpin {
    let bytes = content(size);
    let chunks: Vec<_> = bytes.chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks)
}

#[expect(clippy::cast_possible_truncation, reason = "251 fits")]
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n % 251) as u8).collect()
}

async fn read(storage: &Storage, range: Range<u64>) -> Result<Vec<u8>> {
    let bytes: Vec<Bytes> = storage.read("id", "content", range).await?.try_collect().await?;
    Ok(bytes.concat())
}

fn files(dir: &FilePath) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found
}

async fn suite(storage: &Storage) {
    assert_eq!(storage.marked().await.unwrap(), None);
    assert_eq!(storage.mark("first").await.unwrap(), "first");
    assert_eq!(storage.mark("second").await.unwrap(), "first");
    assert_eq!(storage.marked().await.unwrap().as_deref(), Some("first"));
    let part = storage.part_bytes;
    for size in [0, 1, 999, part - 1, part, part + 1, 2 * part, 2 * part + 777] {
        assert_eq!(storage.put("id", "content", body(size), u64::MAX).await.unwrap(), size as u64);
        assert_eq!(read(storage, 0..size as u64).await.unwrap(), content(size), "{size}");
    }
    let size = 2 * part + 777;
    let middle = part as u64 - 10..part as u64 + 200_000;
    assert_eq!(read(storage, middle).await.unwrap(), content(size)[part - 10..part + 200_000]);
    assert_eq!(storage.get("id", "content").await.unwrap().unwrap(), content(size));

    storage.put("id", "other", body(3), u64::MAX).await.unwrap();
    storage.discard("id", "content").await;
    assert!(matches!(read(storage, 0..1).await, Err(Error::Missing)));
    assert_eq!(storage.get("id", "other").await.unwrap().unwrap(), content(3), "others stay");
    storage.remove("id").await.unwrap();
    storage.remove("id").await.unwrap();
    assert_eq!(storage.get("id", "other").await.unwrap(), None);

    for size in [100, part + 100] {
        let max = size as u64;
        assert_eq!(storage.put("id", "content", body(size), max).await.unwrap(), max, "exactly the limit");
        storage.remove("id").await.unwrap();
        assert!(matches!(storage.put("id", "content", body(size + 1), max).await, Err(Error::TooLarge)));
        let cut = body(size).chain(stream::iter([Err("gone".to_owned())]));
        assert!(matches!(storage.put("id", "content", cut, u64::MAX).await, Err(Error::Interrupted(_))));
        assert!(matches!(read(storage, 0..1).await, Err(Error::Missing)), "nothing is left of it");
    }
}

#[tokio::test]
async fn a_local_disk_keeps_files_and_leaves_nothing_of_failed_ones() {
    let dir = TempDir::new().unwrap();
    suite(&Storage::local(dir.path()).unwrap()).await;
    assert_eq!(files(dir.path()), [MARK]);
}

#[tokio::test]
async fn a_directory_that_is_not_the_one_that_it_was_keeps_and_misses_nothing() {
    let dir = TempDir::new().unwrap();
    let (here, away) = (dir.path().join("here"), dir.path().join("away"));
    let storage = Storage::local(&here).unwrap();
    let mark = storage.mark("mark1").await.unwrap();
    let storage = storage.expecting(&mark);
    storage.put("id", "content", body(10), u64::MAX).await.unwrap();
    std::fs::rename(&here, &away).unwrap();
    std::fs::create_dir(&here).unwrap();
    assert!(matches!(storage.put("new", "content", body(10), u64::MAX).await, Err(Error::Away)));
    assert!(matches!(read(&storage, 0..1).await, Err(Error::Away)));
    assert!(matches!(storage.get("id", "content").await, Err(Error::Away)));
    assert!(matches!(storage.open("id", "content").await.map(drop), Err(Error::Away)));
    assert!(matches!(storage.remove("id").await, Err(Error::Away)));
    assert_eq!(files(&here), Vec::<String>::new(), "nothing is left there");
    std::fs::remove_dir_all(&here).unwrap();
    std::fs::write(&here, "no directory").unwrap();
    assert!(matches!(storage.put("new", "content", body(10), u64::MAX).await, Err(Error::Away)));
    assert!(matches!(read(&storage, 0..1).await, Err(Error::Away)), "whatever the system calls it");
    std::fs::remove_file(&here).unwrap();
    std::fs::rename(&away, &here).unwrap();
    assert_eq!(read(&storage, 0..10).await.unwrap(), content(10));
    assert_eq!(storage.get("id", "none").await.unwrap(), None);
    for nothing in ["", "two words", "\0"] {
        std::fs::write(here.join(MARK), nothing).unwrap();
        assert!(storage.marked().await.is_err() && storage.mark("mark2").await.is_err());
    }
}

#[tokio::test]
async fn an_object_store_keeps_files_and_leaves_nothing_of_failed_ones() {
    suite(&Storage::memory()).await;
}

#[test]
fn only_ids_of_content_uris_are_valid() {
    assert!(valid_id("a") && valid_id("AZaz09-_") && valid_id(&"x".repeat(255)));
    for id in ["", "..", ".", "a/b", "a\\b", "a%2Fb", "a#1", "é", "a\0", &"x".repeat(256)] {
        assert!(!valid_id(id), "{id:?}");
    }
}

#[tokio::test]
async fn a_sweep_removes_what_an_earlier_process_left_half_written() {
    let dir = TempDir::new().unwrap();
    let storage = Storage::local(dir.path()).unwrap();
    storage.put("ab", "content", body(10), u64::MAX).await.unwrap();
    let (old, new) = (dir.path().join("ab/ab/content-2#1"), dir.path().join("ab/ab/content-3#12"));
    std::fs::write(&old, "half").unwrap();
    let day = Duration::from_secs(86_400);
    let yesterday = std::fs::metadata(&old).unwrap().modified().unwrap() - day;
    File::open(&old).unwrap().set_modified(yesterday).unwrap();
    std::fs::write(&new, "being written").unwrap();
    let tomorrow = std::fs::metadata(&new).unwrap().modified().unwrap() + day;
    File::open(&new).unwrap().set_modified(tomorrow).unwrap();

    assert_eq!(storage.sweep(2 * day).await.unwrap(), 0, "another process may be writing it");
    assert_eq!(storage.sweep(Duration::ZERO).await.unwrap(), 1);
    assert!(!old.exists() && new.exists() && dir.path().join("ab/ab/content").exists());
}

#[tokio::test]
async fn a_full_disk_is_told_apart_and_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let mut storage = Storage::local(dir.path()).unwrap();
    storage.store = Arc::new(Full(storage.store));
    for size in [10, 3 * LOCAL_PART_BYTES] {
        let full = storage.put("id", "content", body(size), u64::MAX).await;
        assert!(matches!(full, Err(Error::Full)), "{full:?}");
    }
    // Dropped uploads are removed on the blocking pool.
    tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while !files(dir.path()).is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("nothing is left");
}

/// A store whose disk is full: small objects fail, large ones with their second part.
#[derive(Debug)]
struct Full(Arc<dyn ObjectStore>);

#[derive(Debug)]
struct FullUpload(Box<dyn MultipartUpload>, bool);

fn full() -> object_store::Error {
    object_store::Error::Generic { store: "full", source: Box::new(io::Error::from(io::ErrorKind::StorageFull)) }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("full")
    }
}

#[async_trait]
impl MultipartUpload for FullUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        if std::mem::replace(&mut self.1, true) {
            return Box::pin(async { Err(full()) });
        }
        self.0.put_part(data)
    }

    async fn complete(&mut self) -> object_store::Result<PutResult> {
        self.0.complete().await
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        self.0.abort().await
    }
}

#[async_trait]
impl ObjectStore for Full {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> object_store::Result<PutResult> {
        Err(full())
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(FullUpload(self.0.put_multipart_opts(location, options).await?, false)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}
