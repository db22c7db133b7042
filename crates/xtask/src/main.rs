//! `cargo xtask tidy`, `cargo xtask endpoints`, `cargo xtask mutants`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
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
        "mutants" => xtask::mutants::run(&tree, &std::env::args().nth(2).unwrap_or_default()),
        _ => Err("usage: cargo xtask tidy|endpoints|mutants [PART OF A NAME]".into()),
    }
}
