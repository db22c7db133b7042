//! `chatbook-loadtest`: measures a Matrix server from outside, over its public API.

mod clock;
mod error;
mod http;
mod marker;
mod matrix;
mod options;
mod process;
mod receiver;
mod report;
mod scenarios;
mod verify;
mod world;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::{options::Options, report::Report, world::World};

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(reports) => {
            println!("\n{}", report::table(&reports));
            if reports.iter().all(Report::passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<Vec<Report>> {
    process::raise_open_file_limit();
    let mut runtime = if options.threads > 1 {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime =
        runtime.worker_threads(options.threads.max(1)).enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async { scenarios::run(&mut World::new(options)?).await })
}
