//! A cluster in simulated time: the real batchers, hubs, tails, hints and tokens of three nodes over models of the
//! database and the bus, with every failure that a seed says. The same seed is the same run, whatever the machine does.
//!
//! Clients write and read all the while and remember what they were told; what must hold is checked as it happens and in
//! the end. `cargo xtask simulate` runs it.

mod bus;
mod checks;
mod faults;
mod node;
mod reader;
mod watch;
mod world;
mod writer;

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

pub use store::simulation::Broken;
use store::simulation::{Model, Random, Settings};
use tokio::{
    runtime::Builder,
    task::JoinHandle,
    time::{sleep, timeout},
};

use self::{
    bus::Bus,
    faults::Faults,
    node::Node,
    reader::Reader,
    world::{NODES, USERS, World},
    writer::Writer,
};

/// Clients that write.
const WRITERS: usize = 9;
/// How long a node may take to have everything, once nothing goes wrong any more.
const CATCH_UP: Duration = Duration::from_secs(3);
/// How long clients may take to be done after that.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// What was not as it must be, a sentence each.
    pub violations: Vec<String>,
    /// What happened, if that was asked for.
    pub trace: Vec<String>,
    /// Records in the logs in the end.
    pub records: usize,
}

/// Runs one seed.
pub fn run(seed: u64, broken: Broken, traced: bool) -> Report {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(simulate(seed, broken, traced)),
        Err(error) => Report { violations: vec![error.to_string()], ..Report::default() },
    }
}

async fn simulate(seed: u64, broken: Broken, traced: bool) -> Report {
    let mut random = Random::new(seed);
    let shards = 2 + random.below(2);
    let settings = Settings { random: random.fork(), shards, fair_locks: random.chance(50), broken };
    let bus = Bus::new(NODES, *random.pick(&[0, 10, 40]), random.fork());
    let world = Arc::new(World::new(Model::new(settings), bus, shards, traced));
    for index in 0..NODES {
        let node = Node::start(&world, index).await;
        world.nodes.lock()[index] = Some(node);
    }
    Writer::create_rooms(&world).await;
    world.model.keep();
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let pace = *random.pick(&[20, 400, 800]);
            tokio::spawn(Writer { world: world.clone(), random: random.fork(), number, pace }.run())
        })
        .collect();
    let readers: Vec<_> = (0..USERS).map(|user| tokio::spawn(Reader::new(&world, user, random.fork()).run())).collect();
    Faults { world: world.clone(), random: random.fork(), free: Arc::new([true; NODES].into()) }.run().await;
    world.note(|| "all is well".into());
    ended(&world, writers).await;
    world.over.store(true, Relaxed);
    let readers = ended(&world, readers).await;
    sleep(CATCH_UP).await;
    checks::check_nodes(&world);
    for reader in readers {
        reader.finish().await;
    }
    checks::check(&world);
    let records = (0..shards as i64).map(|shard| world.model.log(shard, 0, i64::MAX).len()).sum();
    let memory = std::mem::take(&mut *world.memory.lock());
    Report { violations: memory.violations, trace: memory.trace, records }
}

/// Waits for clients.
async fn ended<T>(world: &World, clients: Vec<JoinHandle<T>>) -> Vec<T> {
    let mut done = Vec::new();
    for client in clients {
        match timeout(PATIENCE, client).await {
            Ok(Ok(client)) => done.push(client),
            Ok(Err(error)) => world.violation(format!("a client failed: {error}")),
            Err(_) => world.violation("a client never ended".into()),
        }
    }
    done
}
