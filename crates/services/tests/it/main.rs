//! What the services promise, each on the real program.

mod backend;
mod balancers;
mod orphans;
mod postgres;
mod proxy;
mod redis;
mod redis_cluster;
mod replication;
mod scratch;
mod sentinel;

#[test]
fn a_machine_with_debians_packages_misses_none() {
    assert_eq!(services::missing(), Vec::<&str>::new());
}
