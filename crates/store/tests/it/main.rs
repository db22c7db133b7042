//! The store's suite, through its public door.

mod log;
