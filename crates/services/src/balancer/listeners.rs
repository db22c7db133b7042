//! Which process listens on a port, read from /proc.

use std::{fs, net::SocketAddr};

use rustix::process::Pid;

/// Whether a process holds a socket that listens on this port of 127.0.0.1.
pub(super) fn listens(pid: Pid, addr: SocketAddr) -> bool {
    let Ok(table) = fs::read_to_string("/proc/net/tcp") else { return false };
    let sockets: Vec<_> = table.lines().filter_map(|line| listener(line, addr)).collect();
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|link| sockets.iter().any(|s| link.as_os_str() == &**s))
}

/// How /proc names the socket in a line of the table, if it listens on the port:
/// <https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html>.
fn listener(line: &str, addr: SocketAddr) -> Option<String> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let listening = *fields.get(3)? == "0A";
    let here = fields.get(1)?.ends_with(&format!(":{:04X}", addr.port()));
    (listening && here).then(|| format!("socket:[{}]", fields.get(9).unwrap_or(&"")))
}
