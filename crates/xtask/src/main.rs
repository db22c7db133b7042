//! `cargo xtask tidy`, `endpoints`, `mutants`, `simulate`, `chaos` and `cluster-cost`.

mod chaos;
mod cost;

use std::{
    ffi::OsString,
    process::{Command, ExitCode},
};

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    if task == "simulate" {
        return simulate();
    }
    match run(&task) {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: &str) -> Result<String, String> {
    if task == "chaos" {
        return chaos::run(std::env::args().skip(2));
    }
    let tree = xtask::read().map_err(|error| format!("the repository cannot be read: {error}"))?;
    match task {
        "tidy" => {
            let complaints = xtask::tidy(&tree);
            if complaints.is_empty() { Ok("tidy".into()) } else { Err(complaints.join("\n")) }
        }
        "endpoints" => {
            let path = tree.root.join(xtask::ENDPOINTS);
            std::fs::write(&path, xtask::table(&tree)?).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(format!("wrote {}", path.display()))
        }
        "cluster-cost" => cost::run(&tree.root, std::env::args().skip(2)),
        "mutants" => xtask::mutants::run(&tree, &std::env::args().nth(2).unwrap_or_default()),
        _ => Err(format!(
            "usage: cargo xtask tidy|endpoints|mutants [PART OF A NAME]|simulate [--seeds N] [--seed S]\nor {}\nor {}",
            chaos::USAGE,
            cost::USAGE
        )),
    }
}

/// Hands over to the crate that stands on all the others, as this one must not.
fn simulate() -> ExitCode {
    let run = ["run", "--quiet", "--locked", "--package", "simulate", "--"].map(OsString::from);
    let ended = Command::new(env!("CARGO")).args(run.into_iter().chain(std::env::args_os().skip(2))).status();
    match ended {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo does not start: {error}");
            ExitCode::FAILURE
        }
    }
}
