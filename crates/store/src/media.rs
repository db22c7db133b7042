//! Files that people share: whose they are and what they contain. The bytes lie elsewhere.

use crate::{
    db::{Db, Stmt},
    error::{Error, Result},
    params,
    value::Row,
};

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRow {
    /// Its id.
    pub media_id: String,
    /// Who uploads it.
    pub user_id: String,
    /// Whether it was announced, to be uploaded later.
    pub reserved: bool,
    /// When it was announced or uploaded, milliseconds.
    pub created_ts: i64,
    /// Until when the content has to be there, milliseconds; none when it is.
    pub expires_ts: Option<i64>,
    /// What it contains, once that is there.
    pub content: Option<Content>,
}

/// What a file contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The name of the object that holds the bytes.
    pub object: String,
    /// Bytes.
    pub size: i64,
    /// As the uploader declared it.
    pub content_type: String,
    /// As the uploader named it.
    pub filename: Option<String>,
}

/// Adds a file without content. Returns false, and adds nothing, if it is announced (`reserved`) and the user has `max`
/// of those that are waiting for their content already.
pub async fn insert(db: &Db, row: &MediaRow, max: i64) -> Result<bool> {
    let sql = "insert into media (media_id, user_id, reserved, created_ts, expires_ts) select $1, $2, $3, $4, $5
         where $3 = 0 or (select count(*) from media
           where user_id = $2 and reserved = 1 and expires_ts > $4) < $6";
    let params = params![&row.media_id, &row.user_id, row.reserved, row.created_ts, row.expires_ts, max];
    match db.write(db.shard_of(&row.user_id), vec![Stmt::new(sql, params).expect(1)]).await {
        Ok(_) => Ok(true),
        Err(Error::Expectation(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives a file its content. Returns false, and changes nothing, if it has some already, is gone or has expired.
pub async fn finish(db: &Db, media_id: &str, content: &Content, now: i64) -> Result<bool> {
    let sql = "update media set object = $2, size = $3, content_type = $4, filename = $5, expires_ts = null
         where media_id = $1 and object is null and expires_ts > $6";
    let Content { object, size, content_type, filename } = content;
    let params = params![media_id, object, *size, content_type, filename.as_deref(), now];
    match db.write(db.shard_of(media_id), vec![Stmt::new(sql, params).expect(1)]).await {
        Ok(_) => Ok(true),
        Err(Error::Expectation(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file by its id.
pub async fn get(db: &Db, media_id: &str) -> Result<Option<MediaRow>> {
    let sql = "select media_id, user_id, reserved, created_ts, expires_ts, object, size, content_type, filename
         from media where media_id = $1";
    db.query_opt(sql, params![media_id], read).await
}

/// The bytes of all files of a user.
pub async fn usage(db: &Db, user_id: &str) -> Result<i64> {
    let sql = "select cast(coalesce(sum(size), 0) as bigint) from media where user_id = $1";
    Ok(db.query_opt(sql, params![user_id], |row| row.get(0)).await?.unwrap_or(0))
}

/// Files whose content did not come in time, at most 1000.
pub async fn expired(db: &Db, now: i64) -> Result<Vec<String>> {
    let sql = "select media_id from media where expires_ts <= $1 order by expires_ts limit 1000";
    db.query(sql, params![now], |row| row.get(0)).await
}

/// Forgets a file that has no content.
pub async fn forget(db: &Db, media_id: &str) -> Result<()> {
    let sql = "delete from media where media_id = $1 and object is null";
    db.write(db.shard_of(media_id), vec![Stmt::new(sql, params![media_id])]).await.map(drop)
}

fn read(row: &Row<'_>) -> Result<MediaRow> {
    let object: Option<String> = row.get(5)?;
    let content = match object {
        Some(object) => Some(Content { object, size: row.get(6)?, content_type: row.get(7)?, filename: row.get(8)? }),
        None => None,
    };
    Ok(MediaRow {
        media_id: row.get(0)?,
        user_id: row.get(1)?,
        reserved: row.get(2)?,
        created_ts: row.get(3)?,
        expires_ts: row.get(4)?,
        content,
    })
}
