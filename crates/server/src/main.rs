//! Chatbook: starts the server.

fn main() {}
