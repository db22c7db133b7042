//! The program `chatbook`.

fn main() -> std::process::ExitCode {
    server::main()
}
