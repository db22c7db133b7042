//! Standbys of PostgreSQL.

use std::time::Duration;

use services::Postgres;
use tokio::time::timeout;

#[tokio::test]
async fn a_synchronous_standby_has_every_commit_when_its_primary_dies() {
    let primary = Postgres::start(&[]).await.expect("a primary");
    let standby = primary.standby("second").await.expect("a standby");
    primary.make_synchronous(&["second"]).await.expect("in step");
    primary.sql("postgres", "create table said (n bigint); insert into said values (1);").await.expect("a row");
    assert!(standby.sql("postgres", "insert into said values (2);").await.is_err(), "a standby takes no writes");
    primary.kill().await;
    standby.promote().await.expect("promoted");
    standby.sql("postgres", "insert into said values (2);").await.expect("it takes writes");
    assert_eq!(standby.sql("postgres", "select n from said order by n;").await.expect("rows"), "1\n2");
}

#[tokio::test]
async fn a_commit_waits_for_a_synchronous_standby() {
    let primary = Postgres::start(&[]).await.expect("a primary");
    let standby = primary.standby("second").await.expect("a standby");
    primary.make_synchronous(&["second"]).await.expect("in step");
    standby.kill().await;
    let mut commit = Box::pin(primary.sql("postgres", "create table late (n bigint);"));
    assert!(timeout(Duration::from_millis(500), &mut commit).await.is_err());
    standby.start_again().await.expect("the standby starts again");
    commit.await.expect("the commit goes through");
    standby.stop().await;
    primary.make_synchronous(&[]).await.expect("nobody is waited for");
    primary.sql("postgres", "drop table late;").await.expect("a commit alone");
}
