//! `cargo xtask mutants`: takes away one guard after the other, in a copy of the repository, and asks the tests. A guard
//! that no test misses is not guarded itself.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Tree;

/// A guard, and how it is taken away.
struct Mutant {
    /// What is missing then.
    guard: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// The tests that are asked: arguments of `cargo test`. The first that fails ends it.
    tests: &'static [&'static str],
}

const NODES_AT_ONCE: &str = "-p store --test it nodes_that_commit_at_once";
const SIMULATION: &str = "-p simulate --test seeds nothing_is_lost";

const MUTANTS: &[Mutant] = &[
    Mutant {
        guard: "the shards' locks",
        file: "crates/store/src/postgres/commit_batch.sql",
        from: "perform 1 from shard s where s.shard = any(shards) order by s.shard for update;",
        to: "perform 1 from shard s where s.shard = any(shards);",
        tests: &[NODES_AT_ONCE],
    },
    Mutant {
        guard: "a fresh snapshot under the lock",
        file: "crates/store/src/postgres/commit_batch.sql",
        from: "begin\n  -- In their order, so that two batches never wait for each other.\n  perform 1 from shard s where s.shard = any(shards) order by s.shard for update;\n  -- Each statement from here on has a snapshot of its own, taken under the locks.\n  select array_agg(s.head order by s.shard), array_agg(s.epoch order by s.shard) into heads, epochs from shard s;\n",
        to: "begin\n  -- Each statement from here on has a snapshot of its own, taken under the locks.\n  select array_agg(s.head order by s.shard), array_agg(s.epoch order by s.shard) into heads, epochs from shard s;\n  -- In their order, so that two batches never wait for each other.\n  perform 1 from shard s where s.shard = any(shards) order by s.shard for update;\n",
        tests: &[NODES_AT_ONCE],
    },
    Mutant {
        guard: "the look at the heads",
        file: "crates/chat/src/sync/follow.rs",
        from: "                self.look(&hub).await;\n            }\n            let mut stuck",
        to: "            }\n            let mut stuck",
        tests: &["-p e2e --test outside without_redis_everything_arrives"],
    },
    Mutant {
        guard: "the check for gaps in what hints bring",
        file: "crates/chat/src/sync/tail.rs",
        from: "if record.pos == self.cursor + 1 {\n            return Arrived::Next;",
        to: "if record.pos > self.cursor {\n            return Arrived::Next;",
        tests: &["-p chat --lib records_are_taken_in_once", SIMULATION],
    },
    Mutant {
        guard: "the check of transaction ids",
        file: "crates/store/src/postgres/commit_batch.sql",
        from: "t.user_id = c_user[c] and t.key = c_key[c]\n",
        to: "t.user_id = c_user[c] and t.key = c_key[c] and false\n",
        tests: &["-p store --test it a_transaction_id_yields_one_event"],
    },
    Mutant {
        guard: "one key for all attempts of a command",
        file: "crates/store/src/batcher.rs",
        from: "jobs.retain(|job| !job.is_abandoned());",
        to: "jobs.retain(|job| !job.is_abandoned());\n                    for job in &mut jobs { job.key.key[15] ^= 0xff; }",
        tests: &[SIMULATION],
    },
    Mutant {
        guard: "the check of what a command was decided on",
        file: "crates/store/src/postgres/commit_batch.sql",
        from: "where coalesce(s.seq, 0) <> g.seq;",
        to: "where false;",
        tests: &["-p store --test it a_commit_decided_on_outdated_state"],
    },
    Mutant {
        guard: "a message to a device is kept until the device acknowledges it",
        file: "crates/api/src/sync/v3.rs",
        from: "            let json = body(&changes, &session, &request.filter)",
        to: "            follower.acknowledge(&session.device_id, &changes.next).await?;\n            let json = body(&changes, &session, &request.filter)",
        tests: &["-p e2e --test outside messages_come_in_order_until_acknowledged"],
    },
    Mutant {
        guard: "keys before the message that needs them",
        file: "crates/chat/src/sync/hub.rs",
        from: "        self.learn_told(&committed.heads);\n        let mut woken",
        to: "        let mut woken",
        tests: &[SIMULATION],
    },
    Mutant {
        guard: "who is refused is asked again on what all nodes know",
        file: "crates/chat/src/rooms/send.rs",
        from: "let mut fresh = !chat.db.is_shared();",
        to: "let mut fresh = true;",
        tests: &["-p e2e --test outside who_is_acknowledged_at_one_node"],
    },
    Mutant {
        guard: "a token of another node is waited for",
        file: "crates/chat/src/sync/follow.rs",
        from: "if timeout(PATIENCE, self.hub.all_reached(since)).await.is_err() {\n                self.fresh().await?;\n            }",
        to: "",
        tests: &["-p e2e --test outside cluster::", SIMULATION],
    },
];

/// Complains of mutants that do not fit the code any more.
pub(crate) fn check(tree: &Tree, complaints: &mut Vec<String>) {
    for mutant in MUTANTS {
        let found = tree.files.get(mutant.file).map_or(0, |text| text.matches(mutant.from).count());
        if found != 1 {
            let guard = mutant.guard;
            complaints.push(format!("crates/xtask/src/mutants.rs: \"{guard}\" fits {found} places of {}", mutant.file));
        }
    }
}

/// Runs all of them, or those whose guard contains `only`: a line for each, in the end whether all were caught.
///
/// # Errors
/// If one was not, if a test fails with all guards in place, or if the copy cannot be made.
pub fn run(tree: &Tree, only: &str) -> Result<String, String> {
    let copy = tree.root.join("target/mutants");
    let failed = |error: std::io::Error| format!("{}: {error}", copy.display());
    copy_repository(&tree.root, &copy.join("tree")).map_err(failed)?;
    let mutants: Vec<_> = MUTANTS.iter().filter(|mutant| mutant.guard.contains(only)).collect();
    let asked = all_pass(mutants.iter().flat_map(|mutant| mutant.tests).copied(), |test| ask(&copy, test))?;
    println!("With nothing taken away, all pass ({asked} runs of cargo test).\n");
    println!("| taken away | caught by |\n|---|---|");
    let mut survivors = 0;
    for mutant in mutants {
        let path = copy.join("tree").join(mutant.file);
        let text = fs::read_to_string(&path).map_err(failed)?;
        fs::write(&path, text.replacen(mutant.from, mutant.to, 1)).map_err(failed)?;
        let caught = mutant.tests.iter().find_map(|test| ask(&copy, test).transpose());
        fs::write(&path, text).map_err(failed)?;
        match caught.transpose()? {
            Some(test) => println!("| {} | `{test}` |", mutant.guard),
            None => {
                survivors += 1;
                println!("| {} | **nothing** |", mutant.guard);
            }
        }
    }
    if survivors == 0 { Ok("every mutant was caught".into()) } else { Err(format!("{survivors} were not caught")) }
}

/// Asks each of the tests once, and says how many that were. One that fails anyway would catch whatever is taken away.
fn all_pass<'a>(
    tests: impl Iterator<Item = &'a str>,
    mut ask: impl FnMut(&str) -> Result<Option<String>, String>,
) -> Result<usize, String> {
    let tests: BTreeSet<_> = tests.collect();
    for test in &tests {
        let failed = ask(test).map_err(|error| format!("with nothing taken away: {error}"))?;
        if let Some(name) = failed {
            return Err(format!("{name} fails with nothing taken away (cargo test {test})"));
        }
    }
    Ok(tests.len())
}

/// Copies what git knows, files that are not committed included; what is the same already keeps its time.
fn copy_repository(root: &Path, to: &Path) -> std::io::Result<()> {
    let listed = Command::new("git").args(["ls-files", "-co", "--exclude-standard"]).current_dir(root).output()?;
    for file in String::from_utf8_lossy(&listed.stdout).lines().filter(|file| !file.starts_with("web/")) {
        let (from, to): (PathBuf, PathBuf) = (root.join(file), to.join(file));
        let Ok(content) = fs::read(&from) else { continue };
        if fs::read(&to).is_ok_and(|present| present == content) {
            continue;
        }
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&to, content)?;
    }
    Ok(())
}

/// The first test that fails; nothing if all pass.
fn ask(copy: &Path, test: &str) -> Result<Option<String>, String> {
    let output = Command::new("cargo")
        .args(["test", "--offline"])
        .args(test.split(' '))
        .current_dir(copy.join("tree"))
        .env("CARGO_TARGET_DIR", copy.join("build"))
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let name = |line: &str| line.strip_prefix("test ")?.strip_suffix(" ... FAILED").map(str::to_owned);
    match (output.status.success(), text.lines().find_map(name)) {
        // A name that fits no test would pass for ever.
        (true, _) if !text.lines().any(|line| line.starts_with("test ") && line.ends_with(" ... ok")) => {
            Err(format!("cargo test {test} ran no test"))
        }
        (true, _) => Ok(None),
        (false, Some(name)) => Ok(Some(name)),
        (false, None) => Err(format!("cargo test {test} did not run:\n{}", String::from_utf8_lossy(&output.stderr))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_tests_is_asked_once_before_anything_is_taken_away() {
        let mut asked = Vec::new();
        let passed = all_pass(["-p b", "-p a", "-p b"].into_iter(), |test| {
            asked.push(test.to_owned());
            Ok(None)
        });
        assert_eq!((passed, asked), (Ok(2), vec!["-p a".to_owned(), "-p b".to_owned()]));
    }

    #[test]
    fn a_test_that_fails_anyway_is_named_and_ends_it() {
        let fails = |test: &str| match test {
            "-p b" => Ok(Some("rooms::the_test".to_owned())),
            "-p c" => Err("it was still asked".to_owned()),
            _ => Ok(None),
        };
        let ended = all_pass(["-p a", "-p b", "-p c"].into_iter(), fails);
        assert_eq!(ended, Err("rooms::the_test fails with nothing taken away (cargo test -p b)".to_owned()));
    }
}
