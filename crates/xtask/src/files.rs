//! What every file must be like: short enough to read, with its first sentence, without loose ends.

use crate::tree::Tree;

/// Lines of a file at most. Past it nobody reads it whole.
const LINES: usize = 500;

pub(crate) fn check(tree: &Tree, complaints: &mut Vec<String>) {
    for suffix in [".rs", ".ts", ".tsx"] {
        for (path, text) in tree.under("", suffix) {
            let lines = text.lines().count();
            if lines > LINES {
                complaints.push(format!("{path}: {lines} lines; split it ({LINES} at most)"));
            }
            check_marks(path, text, complaints);
        }
    }
    for (path, text) in tree.under("crates/", ".rs") {
        if !text.starts_with("//!") {
            complaints.push(format!("{path}: begin with a //! sentence that says what the module is for"));
        }
        if text.contains(concat!("#[", "allow(")) || text.contains(concat!("#![", "allow(")) {
            complaints.push(format!("{path}: use #[expect(lint, reason = \"…\")] instead of allow"));
        }
    }
    // The lock file must work with whatever registry npm is configured for.
    for (path, text) in tree.under("", "package-lock.json") {
        if text.contains("\"resolved\"") {
            complaints.push(format!("{path}: names a registry; keep omit-lockfile-registry-resolved=true in .npmrc"));
        }
    }
}

fn check_marks(path: &str, text: &str, complaints: &mut Vec<String>) {
    for mark in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")] {
        let word = |line: &str| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == mark);
        if let Some(line) = text.lines().position(word) {
            complaints.push(format!("{path}:{}: {mark}: finish it, or open an issue", line + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let mut complaints = Vec::new();
        check(&Tree { root: "/".into(), files: [(path.to_owned(), text.to_owned())].into() }, &mut complaints);
        complaints
    }

    #[test]
    fn a_file_that_is_too_long_is_named() {
        assert!(complaints("web/src/a.tsx", &"\n".repeat(500)).is_empty());
        assert_eq!(complaints("web/src/a.tsx", &"\n".repeat(501)).len(), 1);
    }

    #[test]
    fn loose_ends_and_missing_first_sentences_are_named() {
        assert_eq!(complaints("web/src/a.ts", concat!("// TO", "DO later")).len(), 1);
        assert_eq!(complaints("crates/a/src/b.rs", "fn main() {}").len(), 1);
        assert_eq!(complaints("crates/a/src/b.rs", concat!("//! A.\n#[", "allow(dead_code)]")).len(), 1);
        assert!(complaints("crates/a/src/b.rs", "//! A.").is_empty());
    }

    #[test]
    fn a_lock_file_that_names_a_registry_is_refused() {
        assert_eq!(complaints("web/package-lock.json", "{\"resolved\": \"x\"}").len(), 1);
    }
}
