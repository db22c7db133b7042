//! Each test of the suite runs on each engine, on the real thing.

use std::sync::atomic::{AtomicUsize, Ordering};

use services::Postgres;
use store::{Db, postgres::Config};
use tokio::sync::OnceCell;

/// An empty store of one shard, which can be opened again.
pub(crate) enum Store {
    Sqlite(tempfile::TempDir),
    Postgres(Config),
}

impl Store {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(Config { url: database().await, shards: 1, ..Config::default() })
    }

    pub(crate) async fn open(&self) -> Db {
        match self {
            Self::Sqlite(dir) => Db::open_sqlite(dir.path()).unwrap(),
            Self::Postgres(config) => Db::open_postgres(config).await.unwrap(),
        }
    }
}

/// A new database on the one server that all tests share, which ends with their process.
pub(crate) async fn database() -> String {
    static SERVER: OnceCell<Postgres> = OnceCell::const_new();
    static DATABASES: AtomicUsize = AtomicUsize::new(0);
    let server = SERVER.get_or_init(async || Postgres::start(&[]).await.unwrap()).await;
    let name = format!("test{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name).await.unwrap();
    server.url(&name)
}

/// Makes a test per engine of each function that takes a [`Store`].
macro_rules! suite {
    ($($rule:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                super::$rule($crate::engines::Store::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                super::$rule($crate::engines::Store::postgres().await).await;
            })*
        }
    };
}
pub(crate) use suite;
