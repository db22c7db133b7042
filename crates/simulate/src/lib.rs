//! Runs the simulation of a cluster, seed after seed, on all processors.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

pub use chat::simulation::{Broken, Report, run};

/// Lines of the trace that a violation is shown with.
const LINES: usize = 60;
/// Violations that are shown.
const SHOWN: usize = 3;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// The first seed.
    pub first: u64,
    /// How many seeds.
    pub seeds: u64,
    /// Only this seed, with a trace.
    pub seed: Option<u64>,
    /// What is wrong with the model of the database.
    pub broken: Broken,
}

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Sum {
    /// Seeds with violations.
    pub violations: usize,
    /// The first of them, with the first thing that was wrong.
    pub first: Option<(u64, String)>,
    /// Records that were committed.
    pub records: usize,
}

impl Options {
    /// Reads `--seeds N --seed S --from F --broken no-lock|stale-snapshot`.
    ///
    /// # Errors
    /// A sentence for whoever typed it.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self { first: 0, seeds: 2_000, seed: None, broken: Broken::Nothing };
        for pair in arguments.chunks(2) {
            let number = || pair.get(1).and_then(|n| n.parse().ok()).ok_or(format!("{} needs a number", pair[0]));
            match pair[0].as_str() {
                "--seeds" => options.seeds = number()?,
                "--seed" => options.seed = Some(number()?),
                "--from" => options.first = number()?,
                "--broken" => {
                    options.broken = match pair.get(1).map(String::as_str) {
                        Some("no-lock") => Broken::NoLock,
                        Some("stale-snapshot") => Broken::StaleSnapshot,
                        _ => return Err("--broken needs no-lock or stale-snapshot".into()),
                    }
                }
                _ => return Err("usage: cargo xtask simulate [--seeds N] [--from FIRST] [--seed S] [--broken no-lock|stale-snapshot]".into()),
            }
        }
        Ok(options)
    }
}

/// Runs one seed, prints what happened, and says whether anything was wrong (1) or not (0).
pub fn run_one(seed: u64, broken: Broken) -> usize {
    let report = run(seed, broken, true);
    report.trace.iter().for_each(|line| println!("{line}"));
    report.violations.iter().for_each(|violation| println!("seed {seed}: {violation}"));
    usize::from(!report.violations.is_empty())
}

/// Runs seeds on all processors, prints the first violations with what led to them.
pub fn run_many(first: u64, seeds: u64, broken: Broken) -> Sum {
    let (next, shown) = (AtomicU64::new(first), AtomicUsize::new(0));
    let sum = Mutex::new(Sum::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= first + seeds {
                return;
            }
            let report = run(seed, broken, false);
            let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            sum.records += report.records;
            if let Some(what) = report.violations.first() {
                sum.violations += 1;
                if sum.first.as_ref().is_none_or(|(other, _)| *other > seed) {
                    sum.first = Some((seed, what.clone()));
                }
                if shown.fetch_add(1, Relaxed) < SHOWN {
                    show(seed, broken);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Prints what happened before the first violation of a seed.
fn show(seed: u64, broken: Broken) {
    let report = run(seed, broken, true);
    let first = report.trace.iter().position(|line| line.contains("VIOLATION")).unwrap_or(report.trace.len());
    let from = first.saturating_sub(LINES);
    report.trace[from..].iter().take(LINES + 1).for_each(|line| println!("{line}"));
    report.violations.iter().for_each(|violation| println!("seed {seed}: {violation}"));
    println!("Again: cargo xtask simulate --seed {seed}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_line_is_read_or_explained() {
        let wanted = Options { first: 7, seeds: 3, seed: None, broken: Broken::NoLock };
        assert_eq!(parse("--seeds 3 --from 7 --broken no-lock"), Ok(wanted));
        assert_eq!(parse("--seed 5").map(|options| options.seed), Ok(Some(5)));
        assert_eq!(parse("--seed five"), Err("--seed needs a number".into()));
        assert!(parse("--sed 5").is_err_and(|message| message.starts_with("usage")));
    }
}
