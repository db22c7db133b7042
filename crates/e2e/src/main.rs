//! The program `chatbook`, for tests that kill and restart a process.

fn main() -> std::process::ExitCode {
    server::main()
}
