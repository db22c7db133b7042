//! `cargo xtask tidy` as a test.

#[test]
fn the_repository_is_tidy() {
    let complaints = xtask::tidy(&xtask::read().expect("the repository can be read"));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
