//! Nothing stays behind: neither after a value, nor after the process that held it.

use std::{
    io::{BufRead, BufReader, Lines},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use services::{Postgres, Redis};
use tokio::sync::OnceCell;

#[tokio::test]
async fn a_dropped_service_is_gone_with_its_files() {
    let redis = Redis::start(&[]).await.expect("it starts");
    let (addr, directory) = (redis.addr(), redis.directory().to_owned());
    drop(redis);
    assert!(TcpStream::connect(addr).is_err());
    assert!(!directory.exists());
}

#[tokio::test]
async fn a_paused_and_a_killed_service_are_gone_when_dropped() {
    let (paused, killed) = tokio::join!(Postgres::start(&[("fsync", "off")]), Redis::start(&[]));
    let (paused, killed) = (paused.expect("it starts"), killed.expect("it starts"));
    let directories = [paused.directory().to_owned(), killed.directory().to_owned()];
    paused.pause().await;
    killed.kill().await;
    let addr = paused.addr();
    drop((paused, killed));
    assert!(TcpStream::connect(addr).is_err());
    assert!(!directories.iter().any(|directory| directory.exists()));
}

#[test]
fn a_killed_parent_leaves_nothing_behind() {
    let Holder { mut process, held, .. } = Holder::start("orphans::holds_services_until_it_is_killed");
    assert_eq!(held.len(), 3);
    assert!(held.iter().all(|(addr, _)| TcpStream::connect(addr).is_ok()));
    process.kill().expect("SIGKILL");
    process.wait().expect("it is dead");
    wait_until_gone(&held);
}

#[test]
fn a_service_in_a_static_is_gone_after_its_process() {
    let Holder { mut process, held, _output } = Holder::start("orphans::keeps_a_service_in_a_static");
    assert!(process.wait().expect("it ends").success());
    assert_eq!(held.len(), 1);
    wait_until_gone(&held);
}

#[tokio::test]
#[ignore = "the process that another test kills"]
async fn holds_services_until_it_is_killed() {
    let postgres = Postgres::start(&[("fsync", "off")]).await.expect("it starts");
    let busy = postgres.sql("postgres", "select pg_sleep(600);");
    let redis = Redis::start(&[]).await.expect("it starts");
    let paused = Postgres::start(&[("fsync", "off")]).await.expect("it starts");
    tell(postgres.addr(), postgres.directory());
    tell(redis.addr(), redis.directory());
    tell(paused.addr(), paused.directory());
    paused.pause().await;
    println!("\nheld: all");
    busy.await.expect("it is killed before");
}

#[tokio::test]
#[ignore = "the process that another test waits for"]
async fn keeps_a_service_in_a_static() {
    static REDIS: OnceCell<Redis> = OnceCell::const_new();
    let redis = REDIS.get_or_try_init(|| Redis::start(&[])).await.expect("it starts");
    tell(redis.addr(), redis.directory());
    println!("\nheld: all");
}

fn tell(addr: SocketAddr, directory: &Path) {
    println!("\nheld: {addr} {}", directory.display());
}

/// One of the tests above in a process of its own.
struct Holder {
    process: Child,
    /// It must be able to go on writing to it.
    _output: Lines<BufReader<ChildStdout>>,
    held: Vec<(SocketAddr, PathBuf)>,
}

impl Holder {
    /// Runs it up to where it has said what it holds.
    fn start(test: &str) -> Holder {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(["--ignored", "--exact", "--nocapture", test]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("it starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output")).lines();
        let lines = output.by_ref().map(|line| line.expect("a line"));
        let held = lines.filter_map(|line| Some(line.strip_prefix("held: ")?.to_owned()));
        let held = held.take_while(|line| line != "all").map(|line| {
            let (addr, directory) = line.split_once(' ').expect("two words");
            (addr.parse().expect("an address"), directory.into())
        });
        let held = held.collect();
        Holder { process, _output: output, held }
    }
}

fn wait_until_gone(held: &[(SocketAddr, PathBuf)]) {
    let begin = Instant::now();
    while held.iter().any(|(addr, directory)| directory.exists() || TcpStream::connect(addr).is_ok()) {
        assert!(begin.elapsed() < Duration::from_secs(10), "something stayed behind: {held:?}");
        sleep(Duration::from_millis(20));
    }
}
