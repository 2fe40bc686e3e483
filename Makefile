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

.PHONY: test
test: deps lint ## every test with the race detector, on real servers; fails when one cannot be started
	PGCONCORD_REQUIRE_SERVERS=1 $(GO) test -race -timeout 20m ./...

.PHONY: build
build: ## bin/pgconcord
	@$(GO) build -o bin/pgconcord ./cmd/pgconcord

.PHONY: deps
deps: ## PostgreSQL, pglogical and Barman from the distribution, when missing
	@bash .ci/deps

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	  if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
