//! `simulate --seeds N [--seed S]`: runs so many seeds, or one with a trace of what happened.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match simulate::Options::parse(&arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::FAILURE;
        }
    };
    let violations = match options.seed {
        Some(seed) => simulate::run_one(seed, options.broken),
        None => simulate::run_many(options.first, options.seeds, options.broken).violations,
    };
    println!("seeds {}, violations {violations}", if options.seed.is_some() { 1 } else { options.seeds });
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
