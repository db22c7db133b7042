//! Each thumbnail is made once, and kept.

use std::io::Cursor;

use futures_util::future::join_all;
use image::{DynamicImage, ImageFormat};

use super::*;
use crate::thumbnail::Method;

const LIMITS: Limits = Limits { pixels: 4_000_000, memory: 64 << 20 };

async fn with(bytes: Vec<u8>) -> (Storage, Thumbnailer) {
    let storage = Storage::memory();
    storage.put("id", "content", stream::iter([Ok::<_, Error>(Bytes::from(bytes))]), u64::MAX).await.unwrap();
    (storage.clone(), Thumbnailer::new(storage, LIMITS, 2))
}

fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    DynamicImage::new_rgb8(1000, 800).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_ask_at_once_get_one_thumbnail() {
    let (storage, thumbnailer) = with(png()).await;
    let size = Size::at_least(320, 240, Method::Scale);
    let answers = join_all((0..50).map(|_| thumbnailer.get("id", "content", 1, size))).await;
    let first = answers[0].clone().unwrap();
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap() == &first));
    assert_eq!(thumbnailer.rendered(), 1);
    assert_eq!(storage.get("id", "thumbnail-320x240-scale").await.unwrap(), Some(first.0));

    let restarted = Thumbnailer::new(storage, LIMITS, 2);
    restarted.get("id", "content", 1, size).await.unwrap();
    assert_eq!(restarted.rendered(), 0, "it was kept");
    restarted.get("id", "content", 1, Size::at_least(32, 32, Method::Crop)).await.unwrap();
    assert_eq!(restarted.rendered(), 1, "another size");
    assert!(restarted.inner.flights.is_empty());
}

#[tokio::test]
async fn a_failure_reaches_everyone_and_keeps_nothing() {
    let (storage, thumbnailer) = with(b"no picture".to_vec()).await;
    let size = Size::at_least(32, 32, Method::Crop);
    for answer in join_all((0..5).map(|_| thumbnailer.get("id", "content", 1, size))).await {
        assert!(matches!(answer, Err(Error::Unsupported(_))), "{answer:?}");
    }
    assert!(matches!(thumbnailer.get("id", "gone", 1, size).await, Err(Error::Missing)));
    assert!(matches!(thumbnailer.get("id", "content", MAX_FILE_BYTES + 1, size).await, Err(Error::TooLarge)));
    assert_eq!(storage.get("id", "thumbnail-32x32-crop").await.unwrap(), None);
    assert!(thumbnailer.inner.flights.is_empty());
}

#[tokio::test]
async fn more_than_the_queue_holds_are_refused() {
    let (_, thumbnailer) = with(png()).await;
    let _held = thumbnailer.inner.permits.acquire_many(2).await.unwrap();
    thumbnailer.inner.waiting.store(WAITING, Ordering::Relaxed);
    let refused = thumbnailer.get("id", "content", 1, Size::at_least(32, 32, Method::Crop)).await;
    assert!(matches!(refused, Err(Error::Overloaded)), "{refused:?}");
    assert_eq!(thumbnailer.inner.waiting.load(Ordering::Relaxed), WAITING);
}
