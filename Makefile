# What developers and CI type. `make verify` only reads; `make fix` writes.

.PHONY: all verify fix test chaos learning bench examples picture

all: verify test

# Formatting, lints and documentation, warnings as errors; licences and advisories where
# cargo-deny is installed.
verify:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	@if command -v cargo-deny >/dev/null; then cargo deny --locked check licenses bans sources; \
	else echo "cargo-deny is not installed: licences are not checked"; fi

fix:
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

test:
	cargo test --workspace

# 500 workflows over vendors of which every fifth call fails, the node killed five times.
chaos:
	AUTOOS_CHAOS=500 cargo test -p autoos --test e2e heal_chaos -- --nocapture

# What failures teach, in figures, beside a twin that does not learn.
learning:
	cargo test -p autoos-runtime --test heal learning -- --nocapture

examples:
	bash examples/run.sh

# Figures for BENCHMARKS.md; takes a few minutes.
bench:
	cargo run --release --locked -- bench
	cargo run --release --locked -- bench calls
	cargo run --release --locked -- bench tracing

# The README's picture, from a run of its own.
picture:
	cargo build --release --locked
	bash examples/picture.sh
