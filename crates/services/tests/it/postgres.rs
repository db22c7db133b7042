//! PostgreSQL through its faults.

use std::time::Duration;

use services::Postgres;
use tokio::time::timeout;

#[tokio::test]
async fn an_acknowledged_commit_survives_a_kill() {
    let postgres = Postgres::start(&[]).await.expect("it starts");
    postgres.create_database("talk").await.expect("a database");
    postgres.sql("talk", "create table said (word text); insert into said values ('hello');").await.expect("a row");
    postgres.kill().await;
    assert!(postgres.sql("talk", "select 1;").await.is_err());
    postgres.start_again().await.expect("it starts again");
    assert_eq!(postgres.sql("talk", "select word from said;").await.expect("a row"), "hello");
}

#[tokio::test]
async fn a_kill_takes_busy_backends_with_it() {
    let postgres = Postgres::start(&[("fsync", "off")]).await.expect("it starts");
    let waiting = postgres.sql("postgres", "select pg_sleep(60);");
    let killing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        postgres.kill().await;
    };
    let (answer, ()) =
        timeout(Duration::from_secs(10), async { tokio::join!(waiting, killing) }).await.expect("in time");
    assert!(answer.is_err());
}

#[tokio::test]
async fn a_paused_server_is_silent_until_it_is_resumed() {
    let postgres = Postgres::start(&[("fsync", "off")]).await.expect("it starts");
    postgres.pause().await;
    let mut answer = Box::pin(postgres.sql("postgres", "select 6 * 7;"));
    assert!(timeout(Duration::from_millis(500), &mut answer).await.is_err());
    postgres.resume().await;
    assert_eq!(answer.await.expect("an answer"), "42");
}

#[tokio::test]
async fn a_restart_and_a_stop_keep_data_and_port() {
    let postgres = Postgres::start(&[]).await.expect("it starts");
    let url = postgres.url("postgres");
    postgres.sql("postgres", "create table kept (n bigint); insert into kept values (1);").await.expect("a row");
    postgres.restart().await.expect("it restarts");
    postgres.sql("postgres", "insert into kept values (2);").await.expect("a row");
    postgres.stop().await;
    assert!(postgres.sql("postgres", "select 1;").await.is_err());
    postgres.start_again().await.expect("it starts again");
    assert_eq!(postgres.sql("postgres", "select n from kept order by n;").await.expect("rows"), "1\n2");
    assert_eq!(postgres.url("postgres"), url);
}

#[tokio::test]
async fn settings_reach_the_server_and_a_wrong_one_is_an_error_with_its_log() {
    let postgres = Postgres::start(&[("fsync", "off"), ("max_connections", "17")]).await.expect("it starts");
    assert_eq!(postgres.sql("postgres", "show max_connections; show fsync;").await.expect("settings"), "17\noff");
    let error = Postgres::start(&[("no_such_setting", "1")]).await.expect_err("a wrong setting");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn statements_run_one_by_one_and_an_error_has_the_servers_message() {
    let postgres = Postgres::start(&[("fsync", "off")]).await.expect("it starts");
    let error =
        postgres.sql("postgres", "create table a (n int);\nselect no_such_column;").await.expect_err("an error");
    assert!(error.to_string().contains("no_such_column"), "{error}");
    assert_eq!(postgres.sql("postgres", "select count(*) from a;").await.expect("the first has run"), "0");
}
