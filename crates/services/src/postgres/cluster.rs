//! The files of a PostgreSQL server, and the user that they belong to.

use std::{ffi::OsString, fs, path::Path};

use tokio::process::Command;

use crate::{Error, command::run, directory::Directory, programs::find};

/// setpriv's options.
const AS_POSTGRES: [&str; 4] = ["--reuid=postgres", "--regid=postgres", "--init-groups", "--"];

/// One of PostgreSQL's programs as the user it has to run as: it refuses to be run by root.
pub(super) fn as_postgres(program: &'static str) -> Result<Vec<OsString>, Error> {
    let program = find(program)?.into();
    if !root() {
        return Ok(vec![program]);
    }
    let user = AS_POSTGRES.map(OsString::from);
    Ok([find("setpriv")?.into()].into_iter().chain(user).chain([program]).collect())
}

/// Runs one of PostgreSQL's programs to its end.
pub(super) async fn run_as_postgres(program: &'static str, arguments: &[&str], directory: &Path) -> Result<(), Error> {
    let words = as_postgres(program)?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(arguments).current_dir(directory);
    run(&mut command, "").await?;
    Ok(())
}

/// Makes a directory the property of the user that PostgreSQL runs as.
pub(super) async fn give_away(directory: &Path) -> Result<(), Error> {
    if root() {
        run(Command::new("chown").arg("postgres:").arg(directory), "").await?;
        let mut visit = Command::new(find("setpriv")?);
        visit.args(AS_POSTGRES).args(["test", "-w"]).arg(directory);
        let closed = |_| Error::Closed { directory: directory.to_owned() };
        run(&mut visit, "").await.map_err(closed)?;
    }
    Ok(())
}

/// Creates a server's data in `data` below this directory, unless it is there.
pub(super) async fn create(directory: &Directory) -> Result<(), Error> {
    let (path, place) = (directory.path(), directory.path().display());
    if path.join("data").exists() {
        return Ok(());
    }
    // Under another name until it is complete.
    let new = path.join("new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(Error::io(format!("emptying {place}")))?;
    }
    let mut arguments = vec!["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata=new"];
    if !directory.stays() {
        arguments.push("--no-sync");
    }
    run_as_postgres("initdb", &arguments, path).await?;
    fs::rename(new, path.join("data")).map_err(Error::io(format!("writing to {place}")))
}

/// Removes the System V shared memory of a server that was killed, which would otherwise stay until the next boot if the
/// server is not started again. (It holds some bytes, but the kernel counts.)
pub(super) async fn forget_shared_memory(directory: &Path) {
    let lines = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
    // https://www.postgresql.org/docs/15/storage-file-layout.html: the key and the id of the segment.
    let id = lines.lines().nth(6).and_then(|line| line.split_whitespace().nth(1));
    if let Some(id) = id {
        // It is gone already if the server was dead before.
        run(Command::new("ipcrm").arg("--shmem-id").arg(id), "").await.ok();
    }
}

fn root() -> bool {
    rustix::process::geteuid().is_root()
}
