//! `cargo xtask cluster-cost`: how much more processor time an operation takes of several nodes than of one, and
//! what the nodes cost while nothing happens.
//!
//! Both clusters stand beside each other and are loaded in turn: the speed of a machine changes by more than what is
//! looked for, so only what was measured within seconds can be compared.

mod idle;
mod proc;

use std::{
    env, fs,
    io::{BufRead, BufReader, ErrorKind, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// How it is called.
pub(crate) const USAGE: &str =
    "cargo xtask cluster-cost [--nodes N] [--rounds R] [--seconds S] [--scenario \"SCENARIO OPTIONS\"]…";

/// What is measured unless something else is asked for: the scenarios of docs/performance.md.
const SCENARIOS: [&str; 4] = ["send", "send --in-flight 256", "deliver --transport ws", "deliver --transport sync"];
/// What a load test needs: no rate limits, and accounts that are made quickly.
const SETTINGS: [(&str, &str); 3] = [
    ("CHATBOOK_RATE_LIMITS__ENABLED", "false"),
    ("CHATBOOK_PASSWORDS__MEMORY_KIB", "8"),
    ("CHATBOOK_PASSWORDS__ITERATIONS", "1"),
];

/// What comes first: nodes keep the newest records in memory, and until that is full each one costs new memory.
const FILLING: &str = "send --in-flight 256 --rooms 100";
const FILLING_SECONDS: u64 = 15;

/// What is counted apart. All nodes together are one of them.
const PARTS: [&str; 4] = ["nodes", "postgres", "redis", "nginx"];

#[derive(Debug, PartialEq, Eq)]
struct Options {
    nodes: u64,
    rounds: u64,
    seconds: u64,
    scenarios: Vec<String>,
}

/// Measures, and prints a table as it goes.
pub(crate) fn run(root: &Path, arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let Options { nodes, rounds, seconds, scenarios } = parse(arguments)?;
    let build = ["build", "--release", "--locked", "--package", "server", "--package", "loadtest"];
    let built = Command::new(env!("CARGO")).current_dir(root).args(build).status();
    if !built.is_ok_and(|status| status.success()) {
        return Err("the server and the load test could not be built".into());
    }
    let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    let (programs, directory) = (target.join("release"), target.join("cluster-cost"));
    match fs::remove_dir_all(&directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(format!("{} is left of another run and cannot be removed: {error}", directory.display()));
        }
        _ => {}
    }
    let (one, several) = (
        Cluster::start(&programs, &directory.join("one"), 1)?,
        Cluster::start(&programs, &directory.join("several"), nodes)?,
    );
    // First, for what nodes keep of a load stays in their memory. A system that shows too little can still be loaded.
    match idle::measure(&one.parts, &several.parts) {
        Ok(measured) => println!("{}\n", idle::lines(&measured)),
        Err(error) => println!("idle: not measured: {error}\n"),
    }
    let load = |cluster: &Cluster, scenario: &str| cluster.load(&programs, scenario, seconds);
    println!(
        "{:<32} {:>5} {:>9} {:>8} {} {:>9}  ratios",
        "µs of processor time",
        "nodes",
        "a second",
        "p99 ms",
        PARTS.map(|part| format!("{part:>8}")).join(" "),
        "all"
    );
    for cluster in [&one, &several] {
        cluster.load(&programs, FILLING, FILLING_SECONDS)?;
    }
    for scenario in &scenarios {
        let (mut alone, mut together) = (Vec::new(), Vec::new());
        // Not counted: caches fill.
        load(&one, scenario)?;
        load(&several, scenario)?;
        for round in 0..rounds {
            if round % 2 == 0 {
                alone.push(load(&one, scenario)?);
                together.push(load(&several, scenario)?);
            } else {
                together.push(load(&several, scenario)?);
                alone.push(load(&one, scenario)?);
            }
        }
        let ratios = || together.iter().zip(&alone).map(|(many, one)| many.all() / one.all());
        let each: Vec<_> = ratios().map(|ratio| format!("{ratio:.2}")).collect();
        println!("{scenario:<32} {:>5} {}", 1, Figures::middle(&alone));
        println!(
            "{scenario:<32} {nodes:>5} {}  {:.2} ({})",
            Figures::middle(&together),
            median(ratios()),
            each.join(" ")
        );
    }
    drop((one, several));
    fs::remove_dir_all(&directory).ok();
    Ok(format!("medians of {rounds} runs of {seconds} s each, in turn"))
}

/// What one run of a scenario came to. Processor time is in µs for each operation.
struct Figures {
    per_second: f64,
    p99_ms: f64,
    /// Of each of [`PARTS`].
    parts: [f64; PARTS.len()],
}

impl Figures {
    fn all(&self) -> f64 {
        self.parts.iter().sum()
    }

    /// The medians, as a row.
    fn middle(runs: &[Self]) -> String {
        let of = |figure: &dyn Fn(&Self) -> f64| median(runs.iter().map(figure));
        let parts: Vec<_> = (0..PARTS.len()).map(|part| format!("{:>8.1}", of(&|run| run.parts[part]))).collect();
        let (rate, p99, all) = (of(&|run| run.per_second), of(&|run| run.p99_ms), of(&Self::all));
        format!("{rate:>9.0} {p99:>8.1} {} {all:>9.1}", parts.join(" "))
    }
}

/// A cluster of `chatbook cluster dev`, ended when this is dropped.
struct Cluster {
    child: Child,
    /// Kept open, for it goes on to print.
    output: Lines<BufReader<ChildStdout>>,
    url: String,
    /// Name and process.
    parts: Vec<(String, u32)>,
}

impl Cluster {
    fn start(programs: &Path, directory: &Path, nodes: u64) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("setpriv (of util-linux) with chatbook cluster dev: {error}");
        let made = fs::create_dir_all(directory);
        made.map_err(|error| format!("{} cannot be made: {error}", directory.display()))?;
        // It ends its parts when it is asked to end, and is asked to when this process dies.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).arg(programs.join("chatbook"));
        command.args(["cluster", "dev", "--listen", "127.0.0.1:0", "--nodes", &nodes.to_string(), "--data"]);
        // With a directory that stays it waits for the disk.
        command.arg(directory).envs(SETTINGS).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let output = BufReader::new(child.stdout.take().ok_or("its output is not to be had")?).lines();
        let mut cluster = Self { child, output, url: String::new(), parts: Vec::new() };
        while let Some(line) = cluster.output.next() {
            let line = line.map_err(failed)?;
            if let Some((_, url)) = line.split_once("ready: ") {
                url.clone_into(&mut cluster.url);
            }
            if let [name, _, process] = line.split_whitespace().collect::<Vec<_>>()[..]
                && let Ok(process) = process.parse()
            {
                cluster.parts.push((name.to_owned(), process));
            }
            if line.starts_with("Ctrl-C") {
                return Ok(cluster);
            }
        }
        Err(format!("the cluster of {nodes} did not start"))
    }

    fn load(&self, programs: &Path, scenario: &str, seconds: u64) -> Result<Figures, String> {
        let processes: Vec<_> = self.parts.iter().map(|(_, process)| process.to_string()).collect();
        let mut command = Command::new(programs.join("chatbook-loadtest"));
        command.args(scenario.split_whitespace()).args(["--url", &self.url, "--seconds", &seconds.to_string()]);
        command.args(["--server-pid", &processes.join(",")]);
        let output = command.output().map_err(|error| format!("chatbook-loadtest: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("{scenario} failed:\n{text}{}", String::from_utf8_lossy(&output.stderr)));
        }
        self.read(&text).ok_or_else(|| format!("{scenario} printed something unexpected:\n{text}"))
    }

    fn read(&self, output: &str) -> Option<Figures> {
        let line: Value = serde_json::from_str(output.lines().find(|line| line.starts_with('{'))?).ok()?;
        let mut parts = [0.0; PARTS.len()];
        for ((name, _), took) in self.parts.iter().zip(line["server_cpu_us_by_process"].as_array()?) {
            parts[kind(name)] += took.as_f64()?;
        }
        let p99_ms = line["latency_ms"]["p99"].as_f64().unwrap_or(f64::NAN);
        Some(Figures { per_second: line["per_second"].as_f64()?, p99_ms, parts })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It ends its parts then.
        Command::new("kill").arg(self.child.id().to_string()).status().ok();
        self.child.wait().ok();
    }
}

/// Which of [`PARTS`] a part of this name belongs to.
fn kind(name: &str) -> usize {
    match name {
        "postgres" => 1,
        "redis" => 2,
        "nginx" | "haproxy" => 3,
        _ => 0,
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        1 => values[middle],
        _ => values.get(middle).zip(values.get(middle.wrapping_sub(1))).map_or(0.0, |(a, b)| (a + b) / 2.0),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let usage = |what: &str| format!("{what}; usage: {USAGE}");
    let mut options = Options { nodes: 3, rounds: 7, seconds: 5, scenarios: Vec::new() };
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| usage(&format!("{argument} needs a value")))?;
        let number = || match value.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(usage(&format!("{argument} is no number of at least 1"))),
        };
        match argument.as_str() {
            "--nodes" => options.nodes = number()?,
            "--rounds" => options.rounds = number()?,
            "--seconds" => options.seconds = number()?,
            "--scenario" if value.starts_with("all") => return Err(usage("--scenario takes one scenario at a time")),
            "--scenario" => options.scenarios.push(value),
            _ => return Err(usage(&format!("{argument} is not known"))),
        }
    }
    if options.scenarios.is_empty() {
        options.scenarios = SCENARIOS.map(ToOwned::to_owned).into();
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, String> {
        parse(arguments.iter().map(|&argument| argument.to_owned()))
    }

    #[test]
    fn options_are_read_and_wrong_ones_are_named() {
        let some = ["--rounds", "2", "--scenario", "send --rate 9", "--scenario", "deliver"];
        let scenarios = vec!["send --rate 9".to_owned(), "deliver".to_owned()];
        assert_eq!(parsed(&some), Ok(Options { nodes: 3, rounds: 2, seconds: 5, scenarios }));
        assert_eq!(parsed(&[]).map(|options| options.scenarios.len()), Ok(SCENARIOS.len()));
        for (arguments, expected) in [
            (&["--rounds"][..], "--rounds needs"),
            (&["--seconds", "0"], "--seconds is no number"),
            (&["--fast", "1"], "--fast is not known"),
            (&["--scenario", "all"], "--scenario takes one"),
        ] {
            assert!(parsed(arguments).is_err_and(|error| error.starts_with(expected)), "{arguments:?}");
        }
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
    }
}
