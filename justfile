# Thin recipes; the work is in `cargo xtask --help`.

# List the recipes
default:
    @just --list

# Run every test, as CI does
test *args:
    cargo xtask test {{args}}

# Format, lint and check the rules of the house
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings
    cargo xtask tidy

# Kill the real binary 100 times and prove that nothing is lost
torture *args:
    cargo xtask torture {{args}}

# Measure beside the peers: `just bench engine`, `just bench canvas`
bench suite *args:
    cargo xtask bench {{suite}} -- {{args}}

# Everything that CI does
ci:
    .ci/run
