//! Embeds the built web client (`web/dist`). Without one the server is whole but for a page that says how to build it.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

#[expect(clippy::disallowed_methods, reason = "Cargo speaks to build scripts through the environment")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../web/dist");
    // Cargo takes a path that does not exist for changed at every build; an empty directory is looked at once.
    if let Err(error) = fs::create_dir_all(&dist) {
        println!("cargo::warning=no web client: {} cannot be read ({error})", dist.display());
    }
    println!("cargo::rerun-if-changed={}", dist.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = BTreeMap::new();
    collect(&dist, "", &mut files).unwrap_or_default();
    let mut code = String::from("&[\n");
    for (path, file) in &files {
        let uncompressed = path.strip_suffix(".br");
        if path.ends_with(".map") || uncompressed.is_some_and(|path| files.contains_key(path)) {
            continue;
        }
        let bytes = fs::read(file)?;
        let brotli =
            files.get(&format!("{path}.br")).map(|file| format!("include_bytes!({:?})", file.display().to_string()));
        let brotli = brotli.map_or("None".to_owned(), |include| format!("Some({include})"));
        let (kind, include) = (content_type(path), file.display().to_string());
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        writeln!(
            code,
            "api::Asset {{ path: {path:?}, content_type: {kind:?}, etag: {etag:?}, body: include_bytes!({include:?}), brotli: {brotli} }},"
        )?;
    }
    code.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("assets.rs"), code)?;
    Ok(())
}

/// Every file under `dir`, by its path with slashes.
fn collect(dir: &Path, prefix: &str, into: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), into)?;
        } else {
            into.insert(path, entry.path().canonicalize()?);
        }
    }
    Ok(())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
