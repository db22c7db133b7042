//! Directories that are given to services: those that stay, and those that go with all that was started in them.

use std::time::Duration;

use services::{Daemon, Postgres, Redis, Scratch};
use tempfile::TempDir;

fn words(words: &[&str]) -> Vec<std::ffi::OsString> {
    words.iter().map(Into::into).collect()
}

#[tokio::test]
async fn data_in_a_directory_that_was_given_survives_the_server() {
    // Who runs as root lets the user postgres through.
    let scratch = Scratch::new("chatbook-test-").expect("a directory");
    let directory = scratch.path().join("postgres");
    let settings = [("fsync", "off")];
    let postgres = Postgres::start_in(&directory, &settings).await.expect("it starts");
    postgres.sql("postgres", "create table kept (n bigint); insert into kept values (7);").await.expect("a row");
    drop(postgres);
    let postgres = Postgres::start_in(&directory, &settings).await.expect("it starts on its data");
    assert_eq!(postgres.sql("postgres", "select n from kept;").await.expect("a row"), "7");
    postgres.stop().await;
}

#[tokio::test]
async fn a_service_waits_for_the_one_that_has_its_directory() {
    let directory = TempDir::new().expect("a directory");
    let first = Redis::start_in(directory.path(), &[]).await.expect("it starts");
    let dropping = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(first);
    };
    let begin = std::time::Instant::now();
    let (second, ()) = tokio::join!(Redis::start_in(directory.path(), &[]), dropping);
    second.expect("it starts").command(&["ping"]).await.expect("it answers");
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert!(directory.path().join("log").exists());
}

#[tokio::test]
async fn a_program_of_the_callers_is_killed_started_again_and_stopped() {
    let directory = TempDir::new().expect("a directory");
    let daemon = Daemon::start("x", directory.path(), words(&["sh", "-c", "echo here; sleep 60"])).await;
    let daemon = daemon.expect("it starts");
    let first = daemon.process().await.expect("it runs");
    let log = || std::fs::read_to_string(directory.path().join("log")).expect("its log");
    daemon.ready(async || log() == "here\n").await.expect("it writes");
    daemon.kill().await;
    assert_eq!(daemon.process().await, None);
    daemon.start_again().await.expect("it starts again");
    assert_ne!(daemon.process().await.expect("it runs"), first);
    daemon.ready(async || log() == "here\nhere\n").await.expect("it writes");
    daemon.stop().await;
    assert_eq!(daemon.process().await, None);
}

#[tokio::test]
async fn a_program_that_ends_while_it_should_become_ready_is_named_with_its_log() {
    let directory = TempDir::new().expect("a directory");
    let daemon = Daemon::start("node7", directory.path(), words(&["sh", "-c", "echo no such luck; exit 1"])).await;
    let error = daemon.expect("it starts").ready(async || false).await.expect_err("it ended").to_string();
    assert_eq!(error, "node7 ended while it started:\nno such luck");
}

#[tokio::test]
async fn a_scratch_directory_goes_when_its_services_have_ended() {
    let scratch = Scratch::new("chatbook-test-").expect("a directory");
    let path = scratch.path().to_owned();
    let slow = ["sh", "-c", "trap 'sleep 1; touch late; exit' TERM; while :; do sleep 0.05; done"];
    let slow = Daemon::start("slow", &path.join("slow"), words(&slow)).await.expect("it starts");
    // As when the process is killed: all of it ends at the same time.
    let (scratch, slow) = (std::thread::spawn(|| drop(scratch)), std::thread::spawn(|| drop(slow)));
    scratch.join().expect("it goes");
    slow.join().expect("it goes");
    assert!(!path.exists());
}
