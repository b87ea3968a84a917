# Everything a change must pass, one recipe each. `just` lists them, `just ci` runs what `.ci/run` runs.
# Needs cargo; the last recipe needs python3, and node with npm.

set shell := ["bash", "-euo", "pipefail", "-c"]

# List the recipes.
default:
    @just --list --unsorted

# Everything, in the order of CI.
ci: format lint features docs test program mutants foreign-stores models rust-clients clients

# Check the formatting of every package.
format:
    cargo fmt --all --check
    cargo fmt --check --manifest-path tests/rust-clients/Cargo.toml
    cargo fmt --check --manifest-path tests/foreign-stores/Cargo.toml
    cargo fmt --check --manifest-path tests/mutation/Cargo.toml
    rustfmt --check --edition 2024 tests/mutants/breed.rs tests/mutants/src/main.rs

# Run clippy with all features, with none, and with each alone.
lint:
    cargo clippy --all-targets --all-features -- -D warnings
    cargo clippy --no-default-features -- -D warnings
    for feature in server tower wiremock cli conformance runtime; do \
        cargo clippy --no-default-features --features "$feature" -- -D warnings; \
    done

# Check that the bare build pulls in neither hyper nor tokio, and the door without a socket no hyper.
features:
    tree=$(cargo tree --no-default-features --edges normal --prefix none); ! grep -E '^(hyper|tokio)' <<<"$tree"
    tree=$(cargo tree --no-default-features --features tower --edges normal --prefix none); ! grep -E '^hyper' <<<"$tree"

# Build the documentation without warnings.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --all-features

# Run the README's two commands.
test:
    cargo run --example quickstart
    cargo test

# Test the program.
program:
    cargo test --features cli --bin fake-bucket --test standalone

# Plant mutants in the functions that differ from a commit. Takes minutes to hours; not part of CI.
mutation since="main":
    cargo test --manifest-path tests/mutation/Cargo.toml --target-dir target/mutation/tool
    tests/mutation/run --since {{since}}

# Prove that the conformance kit bites: each fault bred into a copy of the fake is caught.
mutants:
    tests/mutants/run

# Survey stores that others published.
foreign-stores:
    cargo test --manifest-path tests/foreign-stores/Cargo.toml --target-dir target/foreign-stores

# Model-check what is concurrent. `SCHEDULES=100000` looks harder.
models:
    RUSTFLAGS="--cfg shuttle" cargo test --no-default-features --features tower --lib models --target-dir target/models

# Run Rust's heavier clients.
rust-clients:
    cargo test --manifest-path tests/rust-clients/Cargo.toml --target-dir target/rust-clients

# Run the vendors' SDKs, AWS's and rclone against the program.
clients:
    tests/clients/run

# Check licences, duplicates and sources of the dependencies. Needs cargo-deny.
deny:
    cargo deny check licenses bans sources
