# Everything a newcomer needs is `make demo` and `make test`; both install what
# they need first and say so.

GO ?= go
export GOFLAGS ?= -buildvcs=false

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: demo
demo: deps build ## a real six-node cluster on this machine, and a walk through all of it
	@bin/pgconcord demo $(DEMO_FLAGS)

# Without this every program built with the race detector waits for a second at its
# end, and the tests run hundreds of them.
test: export GORACE ?= atexit_sleep_ms=0
.PHONY: test
test: deps-test lint ## every test with the race detector, on real servers; fails when one cannot be started
	@$(GO) run ./internal/lab/majors/fetch $(TEST_MAJORS) || [ -z "$$CI" ]
	PGCONCORD_REQUIRE_SERVERS=1 PGCONCORD_REQUIRE_MAJORS="$(if $(CI),$(TEST_MAJORS))" $(GO) test -race -timeout 20m ./...

# Beside the distribution's own: the specification's, and a recent one.
TEST_MAJORS ?= 11 17

MAJORS ?= 11 12 13 14 16 17 18

.PHONY: majors
majors: ## servers of other PostgreSQL majors, into a cache outside this folder
	@$(GO) run ./internal/lab/majors/fetch $(MAJORS)

.PHONY: test-matrix
test-matrix: deps-test majors ## the tests of readers on PostgreSQL 11 to 18
	PGCONCORD_REQUIRE_SERVERS=1 PGCONCORD_REQUIRE_MAJORS="$(MAJORS)" $(GO) test -count 1 ./internal/lab/majors/... ./internal/catalog/...
	PGCONCORD_REQUIRE_SERVERS=1 PGCONCORD_REQUIRE_MAJORS="$(MAJORS)" $(GO) test -count 1 -run Majors ./compare

.PHONY: bench-check
bench-check: deps build ## wall time, connections, round trips and statements of check on six and on sixty nodes
	@$(GO) run ./internal/bench/check -program bin/pgconcord

.PHONY: bench-compare
bench-compare: deps ## the row comparer against COPY and count(*), on 10 million rows
	$(GO) run ./internal/bench/compare

.PHONY: build
build: ## bin/pgconcord, which needs nothing but a kernel: it runs on other distributions too
	@CGO_ENABLED=0 $(GO) build -o bin/pgconcord ./cmd/pgconcord

.PHONY: deps-test
deps-test:
	@bash .ci/deps test

.PHONY: deps
deps: ## PostgreSQL, pglogical and Barman from the distribution, when missing
	@bash .ci/deps

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: bench-schema
bench-schema: build ## time, growth and peak memory of judging plans of 6 to 3000 nodes with every rule, and of one run
	@$(GO) run ./internal/bench/schema

.PHONY: bench-rules
bench-rules: ## how long each rule takes by itself in a plan of 3000 nodes
	@$(GO) test -run '^$$' -bench Rule -benchtime 1x ./schema
