//! What is SQLite's alone.

use store::{Db, Error};

#[tokio::test]
async fn a_data_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open_sqlite(dir.path()).unwrap();
    assert!(matches!(Db::open_sqlite(dir.path()), Err(Error::Refused(why)) if why.contains("in use")));
    db.close().await;
    drop(db);
    assert!(Db::open_sqlite(dir.path()).is_ok());
}
