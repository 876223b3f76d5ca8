# Start here: `make demo` shows Closegraph at work, `make test` runs every test. Both install what is missing.

# The private Node.js of scripts/setup, where the system's is too old.
export PATH := $(CURDIR)/target/node/bin:$(PATH)

# More arguments for the program that demo, bench or test runs: make demo ARGS="--leads 20000"
ARGS ?=

WEB_SOURCES := $(shell find web/graphiql web/vite.config.ts web/tsconfig.json -type f)
WEB_MODULES := web/node_modules/.package-lock.json
WEB_PAGE := web/dist/graphiql/index.html

.DEFAULT_GOAL := help
.PHONY: help demo test bench web lint setup setup-test containers

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: setup ## a simulated Close organization, mirrored and answered for: follow the link it prints
	@$(MAKE) --no-print-directory web
	cargo build --release -p closegraph --bin closegraph
	@target/release/closegraph demo $(ARGS)

test: setup-test ## every test: pages in a browser, then the Rust workspace on real Postgres servers
	@$(MAKE) --no-print-directory web
	cd web && npm run --silent lint && npm test --silent
	scripts/page-test
	scripts/cargo-test $(ARGS)

bench: setup ## measure beside peers and limits
	@$(MAKE) --no-print-directory web
	cargo build --release -p closegraph --bin closegraph
	cargo run --release -p closegraph-bench -- $(ARGS)

lint: setup ## formatting, clippy, dependency rules, the web pages' types
	@$(MAKE) --no-print-directory web
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	scripts/deny
	cd web && npm run --silent lint

containers: ## build the images, start the compose demo, ask it one question, take it down
	scripts/containers-test

setup: ## install what demo, bench and lint need
	@scripts/setup demo

setup-test:
	@scripts/setup test

web: $(WEB_PAGE) ## build the pages that the binary embeds
	@:

$(WEB_MODULES): web/package.json web/package-lock.json
	cd web && npm ci --loglevel=error
	@touch $@

$(WEB_PAGE): $(WEB_MODULES) $(WEB_SOURCES)
	cd web && npm run --silent build -- --logLevel warn
