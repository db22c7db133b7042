//! A queue that is bounded by the bytes in it, and whose sender never waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// What an item costs beside its own bytes, so that empty ones are not free.
const OVERHEAD: usize = 64;

/// Puts items in.
pub(crate) struct Sender<T> {
    items: mpsc::UnboundedSender<Held<T>>,
    room: Arc<Semaphore>,
}

/// Takes items out.
pub(crate) struct Receiver<T> {
    items: mpsc::UnboundedReceiver<Held<T>>,
}

/// An item, and the room it takes until this is dropped.
pub(crate) struct Held<T> {
    pub(crate) item: T,
    pub(crate) room: OwnedSemaphorePermit,
}

/// The item did not fit, or nobody will take it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// A queue for so many bytes.
pub(crate) fn bounded<T>(bytes: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Sender { items: sender, room: Arc::new(Semaphore::new(bytes)) }, Receiver { items: receiver })
}

impl<T> Sender<T> {
    /// Puts in an item of so many bytes, if there is room.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let bytes = u32::try_from(bytes.saturating_add(OVERHEAD)).map_err(|_| Refused)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes).map_err(|_| Refused)?;
        self.items.send(Held { item, room }).map_err(|_| Refused)
    }
}

impl<T> Receiver<T> {
    /// The next item; `None` after the last one, when the sender is gone.
    pub(crate) async fn next(&mut self) -> Option<Held<T>> {
        self.items.recv().await
    }

    /// All that waits, at most `limit`, once there is something; 0 means that the sender is gone.
    pub(crate) async fn take(&mut self, into: &mut Vec<Held<T>>, limit: usize) -> usize {
        self.items.recv_many(into, limit).await
    }

    /// Whether nothing will come any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.items.is_closed() && self.items.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_is_refused_until_there_is_room() {
        let (sender, mut receiver) = bounded(2 * (OVERHEAD + 10));
        sender.push("a", 10).unwrap();
        sender.push("b", 10).unwrap();
        assert_eq!(sender.push("c", 0), Err(Refused));
        let held = receiver.next().await.unwrap();
        assert_eq!(sender.push("c", 10), Err(Refused), "an item keeps its room until it is done with");
        drop(held);
        sender.push("d", 10).unwrap();
        let mut rest = Vec::new();
        assert_eq!(receiver.take(&mut rest, 10).await, 2);
        assert_eq!(rest.iter().map(|held| held.item).collect::<Vec<_>>(), ["b", "d"]);
    }

    #[tokio::test]
    async fn what_waits_is_still_given_out_when_the_sender_is_gone() {
        let (sender, mut receiver) = bounded(1000);
        sender.push("last", 4).unwrap();
        drop(sender);
        assert!(!receiver.has_ended());
        assert_eq!(receiver.next().await.unwrap().item, "last");
        assert!(receiver.next().await.is_none());
        assert!(receiver.has_ended());
    }
}
