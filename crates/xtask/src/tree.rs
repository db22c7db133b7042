//! The repository's files, as far as the checks read them.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Text files by their path from the root, with slashes.
pub struct Tree {
    /// The repository's root.
    pub root: PathBuf,
    /// What the files say.
    pub files: BTreeMap<String, String>,
}

const SKIPPED: [&str; 5] = ["target", "node_modules", "dist", "data", "test-results"];
const READ: [&str; 10] = ["css", "html", "json", "lock", "md", "rs", "sql", "toml", "ts", "tsx"];

/// Reads the repository that this program was built from.
///
/// # Errors
/// If a directory or a text file cannot be read.
pub fn read() -> io::Result<Tree> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let mut files = BTreeMap::new();
    walk(&root, "", &mut files)?;
    Ok(Tree { root, files })
}

fn walk(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                walk(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if READ.contains(&name.rsplit('.').next().unwrap_or_default()) {
            files.insert(path, fs::read_to_string(entry.path())?);
        }
    }
    Ok(())
}

impl Tree {
    /// The files whose paths begin and end so.
    pub(crate) fn under<'a>(&'a self, prefix: &'a str, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let matching = move |path: &str| path.starts_with(prefix) && path.ends_with(suffix);
        self.files.iter().filter(move |(path, _)| matching(path)).map(|(path, text)| (path.as_str(), text.as_str()))
    }
}
