//! The table of endpoints, read from the routers' `.route("path", get(handler))` lines.

use std::fmt::Write;

use crate::{ENDPOINTS, tree::Tree};

const METHODS: [&str; 6] = ["get", "post", "put", "delete", "patch", "any"];

/// A route with one method.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Endpoint {
    path: String,
    method: String,
    /// The router that it stands in.
    file: String,
}

pub(crate) fn check(tree: &Tree, complaints: &mut Vec<String>) {
    match table(tree) {
        Ok(table) if tree.files.get(ENDPOINTS) == Some(&table) => {}
        Ok(_) => complaints.push(format!("{ENDPOINTS} is not what the routers say: run cargo xtask endpoints")),
        Err(error) => complaints.push(error),
    }
}

/// The table as Markdown.
///
/// # Errors
/// If a route cannot be read.
pub fn table(tree: &Tree) -> Result<String, String> {
    let mut endpoints = Vec::new();
    for (file, text) in tree.under("crates/api/src/", ".rs") {
        endpoints.extend(routes(file, text)?);
    }
    endpoints.sort();
    let mut table = String::from(
        "# Endpoints\n\nWritten by `cargo xtask endpoints` from the routers. What an endpoint takes and answers stands above its \
         handler in\nthe folder of its router, and in the [Matrix specification](https://spec.matrix.org/latest/client-server-api/).\n\n\
         | Method | Path | Router |\n| --- | --- | --- |\n",
    );
    for Endpoint { path, method, file } in &endpoints {
        writeln!(table, "| {method} | `{path}` | {file} |").map_err(|error| error.to_string())?;
    }
    Ok(table)
}

fn routes(file: &str, text: &str) -> Result<Vec<Endpoint>, String> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices(".route(") {
        let arguments = arguments(&text[start + ".route(".len()..]);
        let line = text[..start].lines().count();
        let unreadable = || format!("{file}:{line}: write the route as .route(\"/path\", get(handler))");
        let (path, handlers) =
            arguments.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')).ok_or_else(unreadable)?;
        let methods: Vec<_> = METHODS.iter().filter(|method| calls(handlers, method)).collect();
        if methods.is_empty() {
            return Err(unreadable());
        }
        // Catch-alls answer "unknown", which is no endpoint.
        for method in methods.into_iter().filter(|method| **method != "any") {
            found.push(Endpoint { path: path.to_owned(), method: method.to_uppercase(), file: file.to_owned() });
        }
    }
    Ok(found)
}

/// The text up to the parenthesis that closes the call.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    &text[..end.unwrap_or(text.len())]
}

/// Whether `name(` is called, as a word of its own or after a path or a dot.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices(&format!("{name}(")).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        let routes = routes("a.rs", text).expect("the routes are read");
        routes.into_iter().map(|endpoint| (endpoint.method, endpoint.path)).collect()
    }

    #[test]
    fn every_method_of_a_route_is_an_endpoint() {
        let text = "Router::new()\n.route(\"/a/{b}\", get(x::get_it).put(y))\n.route(\n  \"/c\",\n  axum::routing::delete(z),\n)";
        let expected = [("GET", "/a/{b}"), ("PUT", "/a/{b}"), ("DELETE", "/c")];
        assert_eq!(found(text), expected.map(|(method, path)| (method.to_owned(), path.to_owned())));
    }

    #[test]
    fn a_catch_all_is_no_endpoint() {
        assert!(found(".route(\"/x/{*rest}\", any(unrecognized))").is_empty());
    }

    #[test]
    fn a_route_that_cannot_be_read_is_an_error() {
        assert!(routes("a.rs", ".route(PATH, get(x))").is_err());
        assert!(routes("a.rs", ".route(\"/x\", handlers())").is_err());
    }
}
