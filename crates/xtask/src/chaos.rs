//! `cargo xtask chaos`: runs the chaos test for as long as one likes, and shows what it prints without the test runner.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

/// How it is called.
pub(crate) const USAGE: &str = "cargo xtask chaos [--minutes M] [--seed S] [--kills-only]";

/// What the chaos test is told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    seconds: Option<u64>,
    seed: Option<u64>,
    kills_only: bool,
}

/// Runs it. The last line says how it went.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let Options { seconds, seed, kills_only } = parse(arguments)?;
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "--quiet", "--package", "e2e", "--test", "outside", "chaos::", "--", "--nocapture"]);
    // What went wrong is said in words.
    command.env("RUST_BACKTRACE", "0").env("CHATBOOK_CHAOS_WATCHED", "1");
    let numbers = [("CHATBOOK_CHAOS_SECONDS", seconds), ("CHATBOOK_CHAOS_SEED", seed)];
    for (variable, number) in numbers.into_iter().chain([("CHATBOOK_CHAOS_KILLS_ONLY", kills_only.then_some(1))]) {
        if let Some(number) = number {
            command.env(variable, number.to_string());
        }
    }
    let failed = |error: std::io::Error| format!("cargo test: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut last = None;
    for line in child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines()) {
        let line = line.map_err(failed)?;
        match () {
            () if line.starts_with("kills ") => last = Some(line),
            // The rest is the test runner's.
            () if last.is_none() && !is_of_the_runner(&line) => println!("{line}"),
            () => {}
        }
    }
    let passed = child.wait().map_err(failed)?.success();
    let last = last.ok_or("the run did not come to its end")?;
    if passed { Ok(last) } else { Err(last) }
}

fn is_of_the_runner(line: &str) -> bool {
    line.is_empty() || line.starts_with("running ") || line.starts_with("test ")
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let usage = |what: &str| format!("{what}; usage: {USAGE}");
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().ok_or_else(|| usage(&format!("{argument} needs a number")));
        match argument.as_str() {
            "--minutes" => {
                let minutes: f64 = number()?.parse().map_err(|_| usage("--minutes is no number"))?;
                options.seconds = Some((minutes * 60.0) as u64);
            }
            "--seed" => options.seed = Some(number()?.parse().map_err(|_| usage("--seed is no number"))?),
            "--kills-only" => options.kills_only = true,
            other => return Err(usage(&format!("{other} is not known"))),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Options, String> {
        parse(text.split_whitespace().map(ToOwned::to_owned))
    }

    #[test]
    fn options_are_read_and_wrong_ones_are_named() {
        let all = Options { seconds: Some(90), seed: Some(7), kills_only: true };
        assert_eq!(parsed("--minutes 1.5 --seed 7 --kills-only"), Ok(all));
        assert_eq!(parsed(""), Ok(Options::default()));
        for (text, expected) in
            [("--seed", "--seed needs"), ("--minutes x", "--minutes is no number"), ("--fast", "--fast is not known")]
        {
            assert!(parsed(text).is_err_and(|error| error.starts_with(expected)), "{text}");
        }
    }
}
