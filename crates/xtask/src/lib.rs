//! Rules of the repository that no compiler checks.

mod endpoints;
mod files;
mod layers;
pub mod mutants;
mod tree;

pub use endpoints::table;
pub use tree::{Tree, read};

/// Where the table of endpoints stands.
pub const ENDPOINTS: &str = "docs/endpoints.md";

/// Everything that is wrong with the repository, a sentence each.
pub fn tidy(tree: &Tree) -> Vec<String> {
    let mut complaints = Vec::new();
    layers::check(tree, &mut complaints);
    files::check(tree, &mut complaints);
    endpoints::check(tree, &mut complaints);
    mutants::check(tree, &mut complaints);
    complaints
}
