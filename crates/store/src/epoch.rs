//! A new epoch: positions begin anew where no client can have been, since the log may lack what clients have seen.
//!
//! The numbers come from the clock, and not only from those of before: a backup may be restored twice, or be older than
//! the last epoch, and what it says of epochs and positions is then what clients already know otherwise.

/// Positions that one epoch can give out, about: how far the next is ahead at least. `$1` of the statements.
pub const GAP: i64 = 1 << 32;

/// Given what the clock says in seconds. A shard would have to commit more than 1,024,000 times a second, on average since
/// its last epoch, to get ahead of it.
macro_rules! begin {
    ($seconds:literal) => {
        concat!(
            "update shard set epoch = case when epoch < ",
            $seconds,
            " then ",
            $seconds,
            " else epoch + 1 end,
             head = case when head + $1 < ",
            $seconds,
            " * 1024000 then ",
            $seconds,
            " * 1024000 else head + $1 end"
        )
    };
}

/// For SQLite.
pub(crate) const SQLITE: &str = begin!("unixepoch()");
/// For PostgreSQL.
pub(crate) const POSTGRES: &str = begin!("extract(epoch from now())::bigint");
/// The same in shards whose epoch is not after `$2`: of several that notice at the same time one begins it.
pub(crate) const POSTGRES_AFTER: &str = concat!(begin!("extract(epoch from now())::bigint"), " where epoch <= $2");
