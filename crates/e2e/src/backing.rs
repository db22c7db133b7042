//! The services that the servers of a test run share, each started when it is first needed.

use std::sync::atomic::{AtomicUsize, Ordering};

use services::{Postgres, Redis};
use tokio::sync::OnceCell;

/// Whether the tests' servers keep their data in PostgreSQL: `CHATBOOK_TEST_STORE=postgres`.
#[expect(clippy::disallowed_methods, reason = "the person who runs the tests decides")]
pub(crate) fn is_postgres() -> bool {
    std::env::var("CHATBOOK_TEST_STORE").is_ok_and(|store| store == "postgres")
}

/// Whether what processes write is shown as it comes: `CHATBOOK_TEST_ECHO`, with `cargo test … -- --nocapture`.
pub(crate) fn echo() -> bool {
    std::env::var_os("CHATBOOK_TEST_ECHO").is_some()
}

/// The address of a new, empty database.
pub async fn database() -> String {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    static DATABASES: AtomicUsize = AtomicUsize::new(0);
    // What tests of rules write need not survive the machine's death.
    let settings = [("fsync", "off"), ("max_connections", "1000")];
    let start = async || Postgres::start(&settings).await.expect("PostgreSQL starts");
    let server = SERVER.get_or_init(start).await;
    let name = format!("test{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).await.expect("a database is made");
    server.url(&name)
}

/// The address of a Redis that all clusters of the run share: they do not meet there.
pub async fn redis() -> String {
    static SERVER: OnceCell<Redis> = OnceCell::const_new();
    SERVER.get_or_init(async || Redis::start(&[]).await.expect("Redis starts")).await.url()
}
