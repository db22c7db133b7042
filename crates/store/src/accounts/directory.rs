//! Finding people.

use crate::{db::Db, error::Result, log::Shard, params, value::Row};

/// Somebody who was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRow {
    /// The user id.
    pub user_id: String,
    /// The display name.
    pub displayname: Option<String>,
    /// The avatar's `mxc://` address.
    pub avatar_url: Option<String>,
}

fn read(row: &Row<'_>) -> Result<FoundRow> {
    Ok(FoundRow { user_id: row.get(0)?, displayname: row.get(1)?, avatar_url: row.get(2)? })
}

/// People whose name or id contains `term` (in lower case); first those whose name or id begins with it.
pub async fn search(db: &Db, term: &str, limit: i64, offset: i64) -> Result<Vec<FoundRow>> {
    let escaped = escape(term);
    db.query(
        r"select user_id, displayname, avatar_url from users
          where search like $1 escape '\' and deactivated = 0
          order by case when search like $2 escape '\' or search like $3 escape '\' then 0 else 1 end, user_id
          limit $4 offset $5",
        params![format!("%{escaped}%"), format!("{escaped}%"), format!("%\n{escaped}%"), limit, offset],
        read,
    )
    .await
}

/// Whether two people are in a room together.
pub async fn share_a_room(
    db: &Db,
    (shard, user_id): (Shard, &str),
    (other_shard, other): (Shard, &str),
) -> Result<bool> {
    let found = db.query_opt(
        "select 1 from user_room a join user_room b on b.room_id = a.room_id
         where a.shard = $1 and a.user_id = $2 and a.membership = 'join'
           and b.shard = $3 and b.user_id = $4 and b.membership = 'join' limit 1",
        params![shard, user_id, other_shard, other],
        |row| row.get::<i64>(0),
    );
    Ok(found.await?.is_some())
}

/// The events that say who may join, and who may read, the rooms that somebody is in.
pub async fn openness_of_rooms(db: &Db, shard: Shard, user_id: &str) -> Result<Vec<String>> {
    db.query(
        "select e.json from user_room u
         join state s on s.room_id = u.room_id and s.state_key = ''
           and s.type in ('m.room.join_rules', 'm.room.history_visibility')
         join event e on e.shard = s.shard and e.room_id = s.room_id and e.seq = s.seq
         where u.shard = $1 and u.user_id = $2 and u.membership = 'join' limit 2000",
        params![shard, user_id],
        |row| row.get(0),
    )
    .await
}

/// Takes their meaning from the characters that `like` gives one.
fn escape(term: &str) -> String {
    let mut escaped = String::with_capacity(term.len());
    for character in term.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
