//! A disk of PostgreSQL's own, which can be full.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::{process::Command, time::sleep};

/// No run writes as much, with all that PostgreSQL keeps of its log. It is memory, taken as it is used.
const SIZE: u64 = 4 << 30;
const POLL: Duration = Duration::from_millis(20);

/// Unmounts when its input ends, and so also when the process that mounted dies in any way.
const KEEPER: &str = r#"read -r line; umount --lazy "$1" && rmdir "$1""#;

/// A file system in memory. It goes when this is dropped, with everything in it.
pub struct Disk {
    keeper: Child,
    directory: PathBuf,
}

impl Disk {
    /// Mounts one; none if this process may not.
    ///
    /// # Errors
    /// If the system refuses anything else.
    pub async fn mount() -> Result<Option<Self>, String> {
        let directory = TempDir::new().map_err(|error| error.to_string())?;
        // Its root must be PostgreSQL's to go through.
        let options = format!("size={SIZE},mode=0711");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(directory.path());
        if run(&mut mount).await.is_err() {
            return Ok(None);
        }
        let keeper = std::process::Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(directory.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // An interrupt from the terminal is not for it.
            .process_group(0)
            .spawn()
            .map_err(|error| format!("sh: {error}"))?;
        Ok(Some(Self { keeper, directory: directory.keep() }))
    }

    /// Where the server's files are.
    pub fn path(&self) -> PathBuf {
        self.directory.join("server")
    }

    /// For so long there is only so much room left, bytes, and what is freed meanwhile is taken away again: PostgreSQL
    /// frees some when it restarts after a crash. The disk shrinks: what fills it would take memory.
    ///
    /// # Errors
    /// If it does not.
    pub async fn fill(&self, room: u64, full: Duration) -> Result<(), String> {
        let (begun, mut size, mut left) = (Instant::now(), u64::MAX, room);
        let mut refused = Err("there was no time to".to_owned());
        while begun.elapsed() < full {
            let used = used(&self.directory).await?;
            left = left.min(size.saturating_sub(used));
            if used + left < size {
                // Refused if there is more on it by now.
                refused = self.resize(used + left).await;
                size = if refused.is_ok() { used + left } else { size };
            }
            sleep(POLL).await;
        }
        if size == u64::MAX { refused } else { Ok(()) }
    }

    /// There is room again.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn empty(&self) -> Result<(), String> {
        self.resize(SIZE).await
    }

    async fn resize(&self, size: u64) -> Result<(), String> {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,size={size}")]).arg(&self.directory);
        run(&mut mount).await.map(drop)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().ok();
    }
}

/// How many bytes are on a file system.
async fn used(directory: &Path) -> Result<u64, String> {
    let text = run(Command::new("df").args(["--block-size=1", "--output=used"]).arg(directory)).await?;
    text.lines().last().and_then(|line| line.trim().parse().ok()).ok_or(text)
}

async fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().await.map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_full_disk_stays_full_until_it_is_emptied_and_goes_with_its_value() {
        let Some(disk) = Disk::mount().await.unwrap() else {
            println!("skipped: mounting a small file system needs root");
            return;
        };
        let directory = disk.directory.clone();
        let write = |name: &str| fs::write(directory.join(name), vec![1; 100_000]);
        write("before").unwrap();
        let write_while_full = async {
            sleep(Duration::from_millis(500)).await;
            write("first").unwrap_err();
            fs::remove_file(directory.join("before")).unwrap();
            sleep(Duration::from_millis(500)).await;
            write("second").unwrap_err();
        };
        let (filled, ()) = tokio::join!(disk.fill(4096, Duration::from_secs(2)), write_while_full);
        filled.unwrap();
        disk.empty().await.unwrap();
        write("after").unwrap();
        drop(disk);
        assert!(!directory.exists());
    }
}
