//! CPU time and memory of a process from `/proc`, and this process's file limit.

use std::{fs, time::Duration};

use anyhow::{Context, ensure};
use rustix::{
    param::{clock_ticks_per_second, page_size},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// User and system CPU time that all threads of a process have used, and of what it has started (10 ms granularity).
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let mut ticks = 0;
    for found in trees(&[pid]) {
        let path = format!("/proc/{found}/stat");
        // A child may have ended since it was found; its time then counts with its parent.
        let Ok(stat) = fs::read_to_string(&path) else {
            ensure!(found != pid, "cannot read {path}");
            continue;
        };
        // The second field is the command in parentheses, and may itself hold spaces.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        // Its own, user and system, and that of children that have ended.
        ticks += fields.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(Duration::from_millis(ticks * 1000 / clock_ticks_per_second()))
}

/// Resident memory of the processes and of what they have started, in bytes.
pub fn resident(pids: &[u32]) -> anyhow::Result<u64> {
    let mut pages = 0;
    for pid in trees(pids) {
        let path = format!("/proc/{pid}/statm");
        let Ok(statm) = fs::read_to_string(&path) else {
            ensure!(!pids.contains(&pid), "cannot read {path}");
            continue;
        };
        let resident = statm.split(' ').nth(1).and_then(|field| field.parse::<u64>().ok());
        pages += resident.with_context(|| format!("{path} is not as expected"))?;
    }
    Ok(pages * page_size() as u64)
}

/// The processes, and all that descend from them.
fn trees(pids: &[u32]) -> Vec<u32> {
    let mut found = pids.to_vec();
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    found
}

/// Thousands of connections need as many open files: raises the soft limit to the hard one.
pub fn raise_open_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        eprintln!("cannot raise the limit of open files: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_its_cpu_time_can_be_read() {
        let pid = std::process::id();
        assert!(resident(&[pid]).unwrap() > 100_000);
        assert!(cpu(pid).unwrap() < Duration::from_secs(3600));
    }

    #[test]
    fn a_process_that_does_not_exist_is_an_error_that_names_the_file() {
        let error = cpu(u32::MAX).unwrap_err().to_string();
        assert!(error.contains("/proc/4294967295/stat"), "{error}");
    }
}
