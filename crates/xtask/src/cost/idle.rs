//! What the parts of a cluster cost while nobody sends anything, and what each further node adds to it.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::{PARTS, kind, proc};

/// Before it is measured: what starting took is no cost of being idle.
const SETTLING: Duration = Duration::from_secs(5);
/// For so long. Of 20 s, the 10 ms in which processor time is counted are 0.05 %.
const MEASURED: Duration = Duration::from_secs(20);

/// What one part takes.
pub(super) struct Part {
    name: String,
    taken: Taken,
}

#[derive(Clone, Copy, Default)]
struct Taken {
    /// Of one core.
    percent: f64,
    megabytes: f64,
}

/// Waits, and measures both clusters in the same seconds. Each part is a name and a process.
pub(super) fn measure(one: &[(String, u32)], several: &[(String, u32)]) -> Result<[Vec<Part>; 2], String> {
    sleep(SETTLING);
    let times = || one.iter().chain(several).map(|(_, process)| proc::cpu_ms(*process)).collect::<Result<Vec<_>, _>>();
    let (start, before) = (Instant::now(), times()?);
    sleep(MEASURED);
    let (took_ms, after) = (start.elapsed().as_secs_f64() * 1000.0, times()?);
    let mut parts = Vec::new();
    for ((name, process), (before, after)) in one.iter().chain(several).zip(before.into_iter().zip(after)) {
        let percent = after.saturating_sub(before) as f64 / took_ms * 100.0;
        let megabytes = memory(name, *process)? as f64 / 1e6;
        parts.push(Part { name: name.clone(), taken: Taken { percent, megabytes } });
    }
    let of_several = parts.split_off(one.len());
    Ok([parts, of_several])
}

/// A node is one process, and on a machine of its own would share with nobody. The others' processes share a lot.
fn memory(name: &str, process: u32) -> Result<u64, String> {
    if kind(name) == 0 { proc::resident(process) } else { proc::proportional(process) }
}

/// A line for each cluster, and one for the difference.
pub(super) fn lines([one, several]: &[Vec<Part>; 2]) -> String {
    let (settling, measured) = (SETTLING.as_secs(), MEASURED.as_secs());
    let mut lines =
        vec![format!("idle: {measured} s without a request, {settling} s after the start, nodes still empty")];
    for cluster in [one, several] {
        let nodes = nodes(cluster);
        let mut parts: Vec<_> = cluster.iter().collect();
        parts.sort_by_key(|part| kind(&part.name));
        let each = parts.into_iter().enumerate().map(|(place, Part { name, taken: Taken { percent, megabytes } })| {
            let of = if place == 0 { " of a core" } else { "" };
            format!("{name} {percent:.1} %{of}, {megabytes:.1} MB")
        });
        let plural = if nodes == 1 { "" } else { "s" };
        lines.push(format!("idle, {nodes} node{plural}: {}", each.collect::<Vec<_>>().join("; ")));
    }
    // With as many nodes in both there is no further one to divide by.
    if let Some(further @ 1..) = nodes(several).checked_sub(nodes(one)) {
        let mut all = Taken::default();
        let each = sums(one).into_iter().zip(sums(several)).zip(PARTS).map(|((one, several), name)| {
            let percent = (several.percent - one.percent) / further as f64;
            let megabytes = (several.megabytes - one.megabytes) / further as f64;
            all = Taken { percent: all.percent + percent, megabytes: all.megabytes + megabytes };
            format!("{name} {percent:+.1} %, {megabytes:+.1} MB")
        });
        let each = each.collect::<Vec<_>>().join("; ");
        let Taken { percent, megabytes } = all;
        lines.push(format!("idle, each further node: {percent:+.1} % of a core, {megabytes:+.1} MB ({each})"));
    }
    lines.join("\n")
}

fn nodes(cluster: &[Part]) -> usize {
    cluster.iter().filter(|part| kind(&part.name) == 0).count()
}

/// Of each of [`PARTS`].
fn sums(cluster: &[Part]) -> [Taken; PARTS.len()] {
    let mut sums = [Taken::default(); PARTS.len()];
    for Part { name, taken } in cluster {
        let sum = &mut sums[kind(name)];
        sum.percent += taken.percent;
        sum.megabytes += taken.megabytes;
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(parts: &[(&str, f64, f64)]) -> Vec<Part> {
        let part = |&(name, percent, megabytes): &(&str, f64, f64)| Part {
            name: name.to_owned(),
            taken: Taken { percent, megabytes },
        };
        parts.iter().map(part).collect()
    }

    #[test]
    fn a_further_node_costs_itself_and_what_the_others_take_more() {
        let one =
            || cluster(&[("postgres", 0.1, 40.0), ("redis", 0.2, 8.0), ("node1", 0.5, 28.0), ("nginx", 0.0, 5.0)]);
        let several = cluster(&[
            ("postgres", 0.5, 46.0),
            ("redis", 0.2, 8.0),
            ("node1", 0.5, 28.0),
            ("node2", 0.6, 27.0),
            ("node3", 0.6, 29.0),
            ("nginx", 0.0, 4.0),
        ]);
        let text = lines(&[one(), several]);
        let [_, first, second, difference] = text.lines().collect::<Vec<_>>()[..] else { panic!("{text}") };
        let expected =
            "node1 0.5 % of a core, 28.0 MB; postgres 0.1 %, 40.0 MB; redis 0.2 %, 8.0 MB; nginx 0.0 %, 5.0 MB";
        assert_eq!(first, format!("idle, 1 node: {expected}"));
        assert!(
            second.starts_with("idle, 3 nodes: node1 0.5 % of a core, 28.0 MB; node2 0.6 %, 27.0 MB; "),
            "{second}"
        );
        let parts = "nodes +0.6 %, +28.0 MB; postgres +0.2 %, +3.0 MB; redis +0.0 %, +0.0 MB; nginx +0.0 %, -0.5 MB";
        assert_eq!(difference, format!("idle, each further node: +0.8 % of a core, +30.5 MB ({parts})"));
        assert_eq!(lines(&[one(), one()]).lines().count(), 3, "no node is further");
    }

    #[test]
    fn what_processes_share_is_divided_except_for_a_node() {
        assert!(memory("node1", u32::MAX).is_err_and(|error| error.starts_with("/proc/4294967295/status")));
        assert!(memory("postgres", u32::MAX).is_err_and(|error| error.starts_with("/proc/4294967295/smaps_rollup")));
    }
}
