//! A run from its beginning to its end: start, load and faults, calm, ending, check.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    check,
    client::{Client, LIMIT, Socket},
    cluster::Cluster,
    ending::{self, Ending},
    faults::{self, Lane},
    follower::{Follower, Phase},
    history::{Action, Batch, Fault, History, Outcome, Recorder, Who},
    random::Random,
    report::{self, Report},
    world::World,
};
use crate::User;

/// What a run is.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long faults happen.
    pub seconds: u64,
    /// Decides the faults, and what clients do, as far as the scheduler lets it.
    pub seed: u64,
    /// Only nodes are killed.
    pub kills_only: bool,
    /// Somebody looks on: each fault is printed.
    pub watched: bool,
}

const PEOPLE: usize = 40;
/// So many people have a second device: those that make no room.
const SECOND_DEVICES: usize = 12;
const ROOMS: usize = 10;
/// Rooms that each device joins at the beginning.
const JOINS: usize = 3;
/// A client pauses so long between two operations, milliseconds on average.
const PAUSE_MS: u64 = 400;
/// The nodes' clocks are wrong by this, milliseconds.
const CLOCKS_OFF_BY_MS: [i64; 3] = [0, 180_000, -240_000];
/// How long the cluster may take to be whole again.
const CALM: Duration = Duration::from_secs(10);
/// In so many seconds each kind of fault comes up, more than once.
const ENOUGH: u64 = 240;

/// Everything that a run's tasks share.
struct Parts {
    options: Options,
    cluster: Arc<Cluster>,
    recorder: Arc<Recorder>,
    world: Arc<World>,
    users: Vec<User>,
    phase: watch::Sender<Phase>,
    stop: watch::Sender<bool>,
}

/// Runs and checks.
///
/// # Errors
/// If the cluster cannot be started, or does not come to its end.
pub async fn run(options: Options) -> Result<Report, String> {
    println!("seed {}", options.seed);
    let cluster = Arc::new(Cluster::start(CLOCKS_OFF_BY_MS).await?);
    if !cluster.has_disks().await {
        println!("no disk is full in this run: mounting small ones needs root");
    }
    let users = register(&cluster).await;
    let who = |user: &User| Who { user: user.id.clone(), device: user.device.clone() };
    let who: Vec<_> = users.iter().map(who).collect();
    let parts = Parts {
        options,
        cluster,
        recorder: Arc::new(Recorder::new(who.clone())),
        world: Arc::new(World::new(who)),
        users,
        phase: watch::Sender::new(Phase::Follow),
        stop: watch::Sender::new(false),
    };
    let mut random = Random(options.seed);
    let (mut clients, mut followers) = parts.clients(&mut random);
    furnish(&parts, &mut clients).await?;
    let mut following = JoinSet::new();
    followers.drain(..).for_each(|follower| drop(following.spawn(follower.run())));
    let mut working = JoinSet::new();
    for client in clients {
        working.spawn(client.run(parts.stop.subscribe()));
    }
    parts.break_things(&mut random).await;
    parts.heal().await?;
    parts.calm().await;
    let ended = timeout(LIMIT * 2, async { while working.join_next().await.is_some() {} }).await;
    ended.map_err(|_| "the clients do not come to their end")?;
    let ending = parts.end(&mut following).await?;
    parts.look_for_crashes().await;
    let history = parts.recorder.take();
    let report = Report::new(options.seed, &history, check::all(&history, &ending), parts.missing(&history).await);
    if !report.violations.is_empty() {
        parts.keep(&report, &history).await;
    }
    Ok(report)
}

async fn register(cluster: &Cluster) -> Vec<User> {
    let client = cluster.client();
    let mut users = Vec::new();
    for n in 0..PEOPLE {
        users.push(client.register(&format!("user{n}")).await);
    }
    for n in ROOMS..ROOMS + SECOND_DEVICES {
        users.push(client.login(&format!("user{n}")).await);
    }
    users
}

/// Makes the first rooms, and has everybody join some.
async fn furnish(parts: &Parts, clients: &mut [Client]) -> Result<(), String> {
    for client in clients.iter_mut().take(ROOMS) {
        match client.perform("", Action::Create).await {
            Outcome::Done(_) => {}
            outcome => return Err(format!("a room cannot be made: {outcome:?}")),
        }
    }
    let rooms = parts.world.rooms();
    for client in clients {
        for n in 0..JOINS {
            let (room, owner) = &rooms[(client.index + n * n) % rooms.len()];
            if *owner != client.index {
                client.perform(room, Action::Join).await;
            }
        }
    }
    Ok(())
}

impl Parts {
    fn clients(&self, random: &mut Random) -> (Vec<Client>, Vec<Follower>) {
        let make = |(index, user): (usize, &User)| {
            let (calls, receiver) = mpsc::channel(8);
            let socket = Socket { calls, open: Arc::new(AtomicBool::new(false)) };
            let http = self.cluster.client();
            let client = Client {
                index,
                http: http.clone(),
                user: user.clone(),
                recorder: self.recorder.clone(),
                world: self.world.clone(),
                socket: socket.clone(),
                random: Random(random.next()),
                pause_ms: PAUSE_MS,
            };
            let follower = Follower {
                index,
                http,
                user: user.clone(),
                recorder: self.recorder.clone(),
                calls: receiver,
                socket,
                random: Random(random.next()),
                prefers_socket: index % 2 == 0,
                limit: [4, 20, 100][index / 2 % 3],
                phase: self.phase.subscribe(),
                since: None,
                known: HashSet::new(),
            };
            (client, follower)
        };
        self.users.iter().enumerate().map(make).unzip()
    }

    fn lanes(&self) -> &'static [Lane] {
        if self.options.kills_only { &[Lane::Kills] } else { &[Lane::Nodes, Lane::Services] }
    }

    /// What a run of its length must have had and did not: a test of less proves less.
    async fn missing(&self, history: &History) -> Vec<String> {
        if self.options.kills_only || self.options.seconds < ENOUGH {
            return Vec::new();
        }
        let disks = self.cluster.has_disks().await;
        report::missing(history, self.lanes().iter().flat_map(|lane| lane.names(disks)))
    }

    /// Complains of nodes that ended by themselves or panicked.
    async fn look_for_crashes(&self) {
        for node in &self.cluster.nodes {
            let ended = node.lives().await.err();
            for what in ended.into_iter().chain(node.panics().await) {
                self.recorder.bad_answer(what);
            }
        }
    }

    /// Makes faults until the time is over. What is broken then is repaired first.
    async fn break_things(&self, random: &mut Random) {
        let lanes = self.lanes().iter().map(|lane| {
            let (cluster, recorder) = (self.cluster.clone(), self.recorder.clone());
            faults::run(*lane, self.options.watched, cluster, recorder, Random(random.next()), self.stop.subscribe())
        });
        let over = async {
            sleep(Duration::from_secs(self.options.seconds)).await;
            self.stop.send_replace(true);
        };
        tokio::join!(join_all(lanes), over);
    }

    /// Nothing is broken any more.
    async fn heal(&self) -> Result<(), String> {
        for node in &self.cluster.nodes {
            node.heal().await.map_err(|error| error.to_string())?;
            node.lives().await.unwrap_or_else(|what| self.recorder.bad_answer(what));
            faults::start(node).await?;
        }
        Ok(())
    }

    /// Waits until all nodes want requests and know what there is, and complains if that takes long.
    async fn calm(&self) {
        let begun = Instant::now();
        for node in &self.cluster.nodes {
            while !(node.is_ready().await && node.metric("chatbook_tail_lag{").await == Some(0)) {
                if begun.elapsed() > CALM {
                    let lag = node.metric("chatbook_tail_lag{").await;
                    let what = format!("node {} is not whole after {:?}: lag {lag:?}", node.number, begun.elapsed());
                    self.recorder.bad_answer(what);
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Sends a last message to each room, has everybody take in everything, and reads what stands then.
    async fn end(&self, following: &mut JoinSet<()>) -> Result<Ending, String> {
        let (mut clients, _) = self.clients(&mut Random(self.options.seed));
        for (room, owner) in self.world.rooms() {
            let text = format!("{}{}", check::LAST, self.world.number());
            if !matches!(clients[owner].perform(&room, Action::Send(text)).await, Outcome::Done(_)) {
                self.recorder.bad_answer(format!("nothing can be sent to {room}, though all faults are over"));
            }
        }
        // By whatever transport they are using.
        sleep(CALM + Duration::from_secs(1)).await;
        let heads: Vec<i64> = ending::heads(&self.cluster).await?.into_iter().map(|(_, head)| head).collect();
        let sum: i64 = heads.iter().sum();
        for node in &self.cluster.nodes {
            let at = node.metric("chatbook_tail_position{").await;
            if at != Some(sum) {
                self.recorder.bad_answer(format!("node {} is at {at:?}, the logs' ends are {sum}", node.number));
            }
        }
        self.phase.send_replace(Phase::Finish(heads));
        let finished = timeout(LIMIT * 3, async { while following.join_next().await.is_some() {} }).await;
        finished.map_err(|_| "the followers do not come to their end")?;
        let mut ending = ending::read(&self.cluster).await?;
        ending::ask_nodes(&self.cluster, &self.users, &mut ending).await;
        Ok(ending)
    }

    /// Leaves the nodes' logs, the faults and all violations where they can be read.
    async fn keep(&self, report: &Report, history: &History) {
        let write = |what: &str, text: String| {
            let path = std::env::temp_dir().join(format!("chaos-{}-{what}", self.options.seed));
            if std::fs::write(&path, text).is_ok() {
                println!("{} has more", path.display());
            }
        };
        for node in &self.cluster.nodes {
            write(&format!("node{}.log", node.number), node.log().await);
        }
        if let Ok(log) = std::fs::read_to_string(self.cluster.nginx.directory().join("log")) {
            write("nginx.log", log);
        }
        write("violations", report.violations.join("\n"));
        let operations = |history: &History| history.operations.iter().map(|o| format!("{o:?}\n")).collect::<String>();
        write("operations", operations(history));
        let fault = |f: &Fault| format!("{} to {} ms: {}: {}\n", f.begin.ms, f.end.ms, f.kind, f.what);
        write("faults", history.faults.iter().map(fault).collect());
        let batch = |(client, batch): (usize, &Batch)| format!("{client} {batch:?}\n");
        let followed = history.followed.iter().enumerate();
        write("followed", followed.flat_map(|(n, all)| all.iter().map(move |b| (n, b))).map(batch).collect());
    }
}
