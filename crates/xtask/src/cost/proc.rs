//! Processor time and memory from `/proc`, of a process and of all that descend from it.

use std::{
    fs,
    io::{Error, ErrorKind},
};

/// Of a second. What `/proc` counts in is fixed, whatever the kernel's own ticks are (`USER_HZ`).
const TICKS: u64 = 100;

/// Processor time in ms, user and system (in steps of 10 ms).
pub(super) fn cpu_ms(process: u32) -> Result<u64, String> {
    Ok(sum(process, "stat", ticks)? * 1000 / TICKS)
}

/// Resident memory in bytes. What several processes share is counted for each of them.
pub(super) fn resident(process: u32) -> Result<u64, String> {
    sum(process, "status", |text| bytes(text, "VmRSS:"))
}

/// Resident memory in bytes. What several processes share is divided among them.
pub(super) fn proportional(process: u32) -> Result<u64, String> {
    sum(process, "smaps_rollup", |text| bytes(text, "Pss:"))
}

fn sum(process: u32, file: &str, read: impl Fn(&str) -> Option<u64>) -> Result<u64, String> {
    let mut sum = 0;
    for found in family(process) {
        let path = format!("/proc/{found}/{file}");
        // A child may have ended since it was found. Its memory is free then, and its time counts with its parent.
        let matters = |error: &Error| found == process || error.kind() == ErrorKind::PermissionDenied;
        match fs::read_to_string(&path).map(|text| read(&text)) {
            Ok(Some(value)) => sum += value,
            Ok(None) if found == process => return Err(format!("{path} is not as expected")),
            Err(error) if matters(&error) => return Err(format!("{path}: {error}")),
            Ok(None) | Err(_) => {}
        }
    }
    Ok(sum)
}

/// The process, and all that descend from it.
fn family(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut next = 0;
    while let Some(process) = found.get(next) {
        let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        next += 1;
    }
    found
}

/// Of `stat`: a process's own ticks, user and system, and those of children that have ended.
fn ticks(stat: &str) -> Option<u64> {
    // The second field is the command in parentheses, and may itself hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Vec<u64> = fields.split(' ').skip(11).take(4).map(|field| field.parse().ok()).collect::<Option<_>>()?;
    (ticks.len() == 4).then(|| ticks.iter().sum())
}

/// Of `status` and `smaps_rollup`: what stands behind `key`.
fn bytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_a_process_s_own_and_that_of_children_that_have_ended() {
        let stat = |name: &str| format!("7 ({name}) S 1 7 7 0 -1 4194560 12 0 0 0 30 12 5 3 20 0 9 0 1034 22 7 18\n");
        assert_eq!(ticks(&stat("chatbook")), Some(50));
        assert_eq!(ticks(&stat("a) S 1 (b")), Some(50));
        assert_eq!(ticks("7 (chatbook) S 1 7 7 0 -1 4194560 12 0 0 0 30 12 5"), None);
        assert_eq!(ticks(""), None);
    }

    #[test]
    fn memory_is_read_from_the_line_of_its_name() {
        let status = "Name:\tVmRSS:\nVmHWM:\t   30000 kB\nVmRSS:\t   28672 kB\nRssAnon:\t   20000 kB\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(28_672 * 1024));
        let rollup =
            "55d0-7ffc ---p 00000000 00:00 0    [rollup]\nRss:     9000 kB\nPss:     2048 kB\nPss_Dirty:   1 kB\n";
        assert_eq!(bytes(rollup, "Pss:"), Some(2048 * 1024));
        // A process that has ended and is not waited for yet.
        assert_eq!(bytes("Name:\tpostgres\nState:\tZ (zombie)\n", "VmRSS:"), None);
    }

    #[test]
    fn this_process_can_be_read_and_one_that_does_not_exist_is_named() {
        let this = std::process::id();
        assert!(cpu_ms(this).is_ok_and(|time| time < 3_600_000));
        let (resident, proportional) = (resident(this).unwrap(), proportional(this).unwrap());
        assert!(100_000 < proportional && proportional <= resident + 1_000_000, "{proportional} {resident}");
        assert!(cpu_ms(u32::MAX).is_err_and(|error| error.contains("/proc/4294967295/stat")));
    }
}
