//! Where Debian's packages put the programs, and which packages are missing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::Error;

/// A program, and Debian's package that has it.
const PROGRAMS: [(&str, &str); 11] = [
    ("initdb", "postgresql"),
    ("postgres", "postgresql"),
    ("pg_basebackup", "postgresql"),
    ("pg_dump", "postgresql"),
    ("pg_restore", "postgresql"),
    ("psql", "postgresql"),
    ("redis-server", "redis-server"),
    ("redis-cli", "redis-server"),
    ("nginx", "nginx"),
    ("haproxy", "haproxy"),
    ("setpriv", "util-linux"),
];

/// Debian's packages that are missing on this machine, without which some service cannot be started.
#[must_use]
pub fn missing() -> Vec<&'static str> {
    let mut packages: Vec<_> =
        PROGRAMS.iter().filter(|(program, _)| look_up(program).is_none()).map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

/// The path of one of [`PROGRAMS`].
pub(crate) fn find(program: &'static str) -> Result<PathBuf, Error> {
    let package = PROGRAMS.iter().find(|(name, _)| *name == program).map_or("", |(_, package)| *package);
    look_up(program).ok_or(Error::Missing { program, package })
}

fn look_up(program: &str) -> Option<PathBuf> {
    let directories =
        ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(PathBuf::from);
    postgres_directories()
        .into_iter()
        .chain(directories)
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
}

/// Where each installed version of PostgreSQL has its programs, the newest first.
fn postgres_directories() -> Vec<PathBuf> {
    let root = Path::new("/usr/lib/postgresql");
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut versions: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    versions.iter().rev().map(|version| root.join(version.to_string()).join("bin")).collect()
}
