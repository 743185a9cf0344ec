# Every target with a help line; `make` alone prints them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
KILLS ?= 20

.PHONY: help build demo test unit golden crash cluster system fuzz bench bench-rest bench-converters lint fmt cover parts

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

build: ## build the static binary bin/anabranch
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/anabranch .

demo: build ## run the main job on this machine (CI=1: unattended, fails when sink and source differ)
	@CI=$(CI) $(GO) run ./testenv/cmd/demo -binary bin/anabranch

test: ## everything: vet, import rules, unit, property and contract tests, real servers, byte comparison
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	@echo "installing and starting the servers that the tests need (pinned; kept for the next run)"
	$(GO) run ./testenv/cmd/parts up
	$(GO) test -count=1 -timeout 40m ./...

unit: ## what needs no server, with the race detector
	$(GO) test -short -race ./...

golden: ## only the byte comparison with Debezium; CASES=dir adds a folder of cases
	ANABRANCH_GOLDEN=$(CASES) $(GO) test -count=1 -timeout 40m -run 'TestGolden' -v ./testenv

crash: ## kill the daemon at random moments, KILLS times for source and sink each
	ANABRANCH_KILLS=$(KILLS) $(GO) test -count=1 -timeout 60m -run 'TestCrash|TestExactlyOnce_Crash' -v ./testenv

cluster: ## group membership beside Java workers and with brokers that come and go
	ANABRANCH_SLOW=1 $(GO) test -count=1 -timeout 20m -run 'BesideJava|CoordinatorComes' -v ./daemon/cluster

system: ## what users do to a worker, beside the real one also where `make test` leaves it out
	ANABRANCH_SLOW=1 $(GO) test -count=1 -timeout 30m -run 'TestWorker_' -v ./testenv

fuzz: ## each fuzz target for FUZZTIME (30s)
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p 2>/dev/null | grep '^Fuzz'); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-30s} $$p || exit 1; done; done

bench-rest: ## REST latency, start and memory with CONNECTORS (1000) paused connectors
	ANABRANCH_BENCH_REST=$${CONNECTORS:-1000} $(GO) test -count=1 -timeout 10m -run TestBench_ManyPausedConnectors -v ./daemon | grep -v level=

bench-converters: ## records a second per core beside the Java converters, RUNS=5
	$(GO) run ./testenv/cmd/bench converters

bench: ## side by side with Debezium on real servers; see docs/benchmarks.md
	$(GO) run ./testenv/cmd/bench

lint: ## staticcheck
	$(GO) run $(STATICCHECK) ./...

fmt: ## format the tree
	gofmt -w .

cover: ## statement coverage of the unit tests
	$(GO) test -short -coverprofile=cover.out ./... && $(GO) tool cover -func=cover.out | tail -1

parts: ## start the shared test servers and print their addresses
	$(GO) run ./testenv/cmd/parts up
