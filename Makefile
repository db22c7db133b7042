# make run      builds the web client and the server, and starts the server on http://127.0.0.1:8008
# make cluster  the same with three nodes, PostgreSQL, Redis and a load balancer; ARGS="--restart" and the like go to it
# make test     everything that continuous integration checks

SHELL := /bin/bash
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
NODE_MODULES := web/node_modules/.package-lock.json
# What the web client is built from; the folders too, so that a file that is gone is noticed.
WEB_SOURCES := $(wildcard web/*.json web/*.ts web/*.html) $(shell find web/src web/public)

.DELETE_ON_ERROR:
.PHONY: run cluster test web check-rust check-web check-browser deny

run: web
	exec cargo run --release --locked --package server -- serve

cluster: web
	exec cargo run --release --locked --package server -- cluster dev $(ARGS)

test: web check-rust check-web check-browser
	@echo "Everything passed."

web: web/dist/index.html

# Only when something changed: the server embeds it, and would be built again.
web/dist/index.html: $(NODE_MODULES) $(WEB_SOURCES)
	cd web && npm run build

$(NODE_MODULES): web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

# PostgreSQL, Redis and the load balancers are installed and started by the tests. What looks at times has the machine to
# itself, in the second run: five minutes of chaos, failovers, and life without Redis. The third has every test over real
# connections once more on PostgreSQL with eight shards, but for those that have databases of their own anyway.
ALONE := whatever_is_broken after_the_death_of_its_node without_redis_messages
check-rust: web
	scripts/test-tools
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo test --locked --workspace -- $(ALONE:%=--skip %)
	CHATBOOK_CHAOS_SECONDS=300 cargo test --locked --workspace --test outside -- --test-threads=1 $(ALONE)
	CHATBOOK_TEST_STORE=postgres CHATBOOK_CRASH_SEEDS=5 cargo test --locked --workspace --test outside -- --skip cluster --skip whatever_is_broken --skip full_disk

check-web: $(NODE_MODULES)
	cd web && npm run lint
	cd web && npm run typecheck
	cd web && npm test

# The binary of the dev profile: check-rust has built most of it.
check-browser: web
	scripts/test-tools
	cargo build --locked --workspace
	cd web && CHATBOOK_BIN=$(TARGET)/debug/chatbook npm run test:e2e

# Licences, advisories and duplicates of the dependencies; needs `cargo install cargo-deny` and the network.
deny:
	cargo deny check
