//! The program `chatbook`.

/// A request is some dozens of small allocations that another thread frees: the system's allocator took a seventh of the
/// time of a send.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    server::main()
}
