//! A node: its own door to the database, its hub, and the tasks that keep it up, all of which can be stopped at once.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use parking_lot::Mutex;
use store::Db;
use tokio::{
    task::{AbortHandle, JoinHandle},
    time::sleep,
};

use super::{
    watch::Watch,
    world::{NODES, World},
};
use crate::{
    cluster::{self, interner::Interner, wire::Message},
    erasure::Erased,
    rooms::Rooms,
    sessions,
    sync::{
        follow::{Follow, Freshness},
        hub::Hub,
    },
};

/// One run of a node, from its start to its end.
pub(super) struct Node {
    pub(super) index: usize,
    pub(super) db: Db,
    pub(super) hub: Arc<Hub>,
    pub(super) freshness: Freshness,
    pub(super) watch: Watch,
    tasks: Arc<Tasks>,
}

/// The tasks of a node: none of them goes on while it is paused.
#[derive(Default)]
struct Tasks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    paused: bool,
    wakers: Vec<Waker>,
    running: Vec<AbortHandle>,
}

/// A task that stands still while its node does.
struct Gated<F> {
    future: Pin<Box<F>>,
    tasks: Arc<Tasks>,
}

impl<F: Future> Future for Gated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut state = self.tasks.state.lock();
        if state.paused {
            state.wakers.push(context.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        self.future.as_mut().poll(context)
    }
}

impl Tasks {
    fn spawn<F>(self: &Arc<Self>, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let task = tokio::spawn(Gated { future: Box::pin(future), tasks: Arc::clone(self) });
        self.state.lock().running.push(task.abort_handle());
        task
    }
}

impl Node {
    /// Starts the node as `Chat::open` does, however long the database lets it wait.
    pub(super) async fn start(world: &Arc<World>, index: usize) -> Arc<Self> {
        const AGAIN: Duration = Duration::from_millis(50);
        let tasks = Arc::new(Tasks::default());
        let db = Db::open_simulated(&world.model, |task| tasks.spawn(task));
        // Nodes know about how many they are.
        db.set_nodes(1 + (index % NODES) as u32);
        let heads = loop {
            match db.heads().await {
                Ok(heads) => break heads,
                Err(_) => sleep(AGAIN).await,
            }
        };
        let (rooms, sessions) = (Arc::new(Rooms::default()), Arc::new(sessions::Cache::default()));
        let hub = Arc::new(Hub::new(&heads, rooms, sessions, Erased::default(), Default::default()));
        let (mut inbox, hints) = world.bus.join(index);
        let bus = world.bus.clone();
        let mut now = db.follow(cluster::follower(hub.clone(), Some(move |hint| bus.publish(index, &hint)))).await;
        while now.is_err() {
            sleep(AGAIN).await;
            now = db.heads().await;
        }
        hub.learn_heads(&now.unwrap_or_default(), &hub.cursors());
        tasks.spawn(Follow::new(db.clone(), &hub, hints).run());
        let freshness = Freshness::new(db.clone(), hub.clone());
        let node = Arc::new(Self { index, db, watch: Watch::new(&hub), hub, freshness, tasks });
        let hub = node.hub.clone();
        node.spawn(async move {
            let mut interner = Interner::default();
            while let Some(bytes) = inbox.recv().await {
                if let Some(Message::Hint(hint)) = Message::decode(&bytes) {
                    cluster::take_in(&hub, hint, &mut interner);
                }
            }
        });
        node.spawn(watch(world.clone(), node.clone()));
        node
    }

    /// Runs something at the node. It is gone with the node.
    pub(super) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tasks.spawn(future)
    }

    /// The process is killed.
    pub(super) fn kill(&self) {
        self.tasks.state.lock().running.drain(..).for_each(|task| task.abort());
    }

    /// The process stands still, as after SIGSTOP, or goes on.
    pub(super) fn set_paused(&self, paused: bool) {
        let mut state = self.tasks.state.lock();
        state.paused = paused;
        state.wakers.drain(..).for_each(Waker::wake);
    }
}

/// Looks at the hub whenever it has taken something in.
async fn watch(world: Arc<World>, node: Arc<Node>) {
    loop {
        let moved = node.hub.moved.notified();
        node.watch.look(&world, &node);
        moved.await;
    }
}
