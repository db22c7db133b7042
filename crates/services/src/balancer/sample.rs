//! A sample configuration with its marked lines replaced.

use std::net::SocketAddr;

/// Replaces what stands between the lines `# part: begin` and `# part: end`.
pub(super) fn with_part(sample: &str, part: &str, lines: &[String]) -> String {
    let (before, _, after) = split(sample, part);
    format!("{before}{}\n{after}", lines.join("\n"))
}

/// Has a part name these backends. The first line there is the pattern: the address in it is replaced, and `node1` is
/// counted on.
pub(super) fn with_backends(sample: &str, part: &str, backends: &[SocketAddr]) -> String {
    let pattern = split(sample, part).1.lines().next().unwrap_or_default();
    let line = |(number, backend): (usize, &SocketAddr)| {
        let words = pattern.split(' ').map(|word| match word {
            "node1" => format!("node{}", number + 1),
            _ if word.parse::<SocketAddr>().is_ok() => backend.to_string(),
            _ => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let lines: Vec<_> = backends.iter().enumerate().map(line).collect();
    with_part(sample, part, &lines)
}

/// What stands before, between and after the marks of a part. Whoever moves the marks finds out in this crate's tests.
fn split<'a>(sample: &'a str, part: &str) -> (&'a str, &'a str, &'a str) {
    let whole = (sample, "", "");
    let Some((before, rest)) = sample.split_once(&format!("# {part}: begin\n")) else { return whole };
    let Some((between, after)) = rest.split_once(&format!("# {part}: end\n")) else { return whole };
    (before, between, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str =
        "a\n  # backends: begin\n  server node1 1.1.1.1:1 check;\n  server node2 2.2.2.2:2;\n  # backends: end\nz\n";

    #[test]
    fn every_backend_gets_the_first_ones_line() {
        let backends = ["9.9.9.9:9", "[::1]:8"].map(|addr| addr.parse().expect("an address"));
        let expected = "a\n    server node1 9.9.9.9:9 check;\n  server node2 [::1]:8 check;\nz\n";
        assert_eq!(with_backends(SAMPLE, "backends", &backends), expected);
    }

    #[test]
    fn the_samples_have_all_of_their_marks() {
        let (nginx, haproxy) = (super::super::nginx::SAMPLE, super::super::haproxy::SAMPLE);
        for (sample, parts) in
            [(nginx, ["listen", "backends", "last resort"]), (haproxy, ["system", "listen", "backends"])]
        {
            for part in parts {
                assert!(!split(sample, part).1.is_empty(), "{part}");
            }
        }
    }
}
