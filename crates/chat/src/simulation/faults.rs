//! What goes wrong in a run: nodes, the database and the bus, one after the other and several at once.

use std::{sync::Arc, time::Duration};

use store::simulation::Random;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    node::Node,
    world::{NODES, World},
};

/// How long things go wrong.
const TIME: Duration = Duration::from_millis(3_500);

pub(super) struct Faults {
    pub(super) world: Arc<World>,
    pub(super) random: Random,
    /// Whether each node is left alone for now.
    pub(super) free: Arc<parking_lot::Mutex<[bool; NODES]>>,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Kill,
    Pause,
    Trouble,
    Restart,
    FailOver,
    Bump,
    Bus,
    Full,
}

impl Faults {
    /// Runs until everything is well again.
    pub(super) async fn run(mut self) {
        use Fault::{Bump, Bus, FailOver, Full, Kill, Pause, Restart, Trouble};
        let all = [Kill, Kill, Kill, Pause, Pause, Trouble, Trouble, Restart, FailOver, Bump, Bus, Bus, Full];
        // Each seed has its own share of faults: a run where all happen at once shows little.
        let some: Vec<Fault> = (0..4).map(|_| *self.random.pick(&all)).collect();
        let (ends, mut running) = (Instant::now() + TIME, JoinSet::new());
        let every = *self.random.pick(&[200, 500, 1_500]);
        while Instant::now() < ends {
            sleep(self.random.pause(10, every)).await;
            let fault = *self.random.pick(&some);
            let (world, random, free) = (self.world.clone(), self.random.fork(), self.free.clone());
            running.spawn(happen(world, random, free, fault));
        }
        while running.join_next().await.is_some() {}
    }
}

async fn happen(world: Arc<World>, mut random: Random, free: Arc<parking_lot::Mutex<[bool; NODES]>>, fault: Fault) {
    let model = &world.model;
    match fault {
        Fault::Kill | Fault::Pause => {
            let index = random.below(NODES);
            if !std::mem::replace(&mut free.lock()[index], false) {
                return;
            }
            match fault {
                Fault::Kill => kill(&world, index, random.delay(500, 1_500)).await,
                _ => pause(&world, index, random.delay(600, 2_000)).await,
            }
            free.lock()[index] = true;
        }
        Fault::Trouble => {
            let percent = *random.pick(&[5, 20, 60]);
            world.note(|| format!("{percent} in a hundred calls break"));
            model.set_trouble(percent);
            sleep(random.pause(50, 1_500)).await;
            model.set_trouble(0);
        }
        Fault::Restart => {
            world.note(|| "the database ends".into());
            model.stop();
            sleep(random.pause(1, 500)).await;
            model.start();
        }
        Fault::FailOver => {
            let lose = random.below(8);
            world.note(|| format!("a failover loses up to {lose} commits"));
            model.fail_over(lose);
        }
        Fault::Bump => {
            world.note(|| "a new epoch begins".into());
            model.bump_epoch().await;
        }
        Fault::Bus => {
            world.note(|| "the bus ends".into());
            world.bus.set_up(false, random.pause(0, 600)).await;
            sleep(random.pause(1, 800)).await;
            world.note(|| "the bus is back".into());
            world.bus.set_up(true, random.pause(0, 300)).await;
        }
        Fault::Full => {
            world.note(|| "the disk is full".into());
            model.set_full(true);
            sleep(random.pause(1, 300)).await;
            model.set_full(false);
        }
    }
}

async fn kill(world: &Arc<World>, index: usize, down: Duration) {
    let Some(node) = std::mem::take(&mut world.nodes.lock()[index]) else { return };
    world.note(|| format!("node {index} is killed"));
    node.watch.look_back(world, &node);
    node.kill();
    drop(node);
    sleep(down).await;
    let node = Node::start(world, index).await;
    world.note(|| format!("node {index} starts at {:?}", node.hub.cursors()));
    world.nodes.lock()[index] = Some(node);
}

async fn pause(world: &World, index: usize, time: Duration) {
    let Some(node) = world.node(index) else { return };
    world.note(|| format!("node {index} stands still"));
    node.set_paused(true);
    sleep(time).await;
    world.note(|| format!("node {index} goes on"));
    node.set_paused(false);
}
