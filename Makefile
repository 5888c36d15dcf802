# Podhop. `make` alone lists the targets; README.md has the two to start with.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

KUBE_VERSION := $(shell sed -n 's/^\tk8s.io\/kubernetes \(v[0-9.]*\)$$/\1/p' go.mod)
VERSION      ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BIN          ?= bin/podhop
KUBECTL      ?= bin/kubectl
VERSIONED    := k8s.io/component-base/version k8s.io/client-go/pkg/version
LDFLAGS      := -X main.version=$(VERSION) $(foreach p,$(VERSIONED), \
	-X $(p).gitVersion=$(KUBE_VERSION) -X $(p).gitTreeState=clean \
	-X $(p).gitMajor=1 -X $(p).gitMinor=$(word 2,$(subst ., ,$(KUBE_VERSION))))
# -trimpath also lets checkouts in different folders share the build cache,
# which saves nine CPU-minutes of upstream Kubernetes each.
export GOFLAGS := -trimpath
export PATH    := $(CURDIR)/.build/go/bin:/usr/local/go/bin:$(PATH)

DATA   ?= data
LISTEN ?= :8080

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: run
run: setup build images ## set everything up, and serve the playground on http://localhost:8080
	@exec $$(.ci/scope) bin/podhop serve --listen $(LISTEN) --data $(DATA)

.PHONY: setup
setup: ## install what is missing, through Debian's packages
	@$(if $(filter no,$(SETUP)),:,.ci/setup run)

.PHONY: prepare
prepare: setup ## write the edited Kubernetes that go.mod points to
	@go -C internal/upstream run . -root ../..

.PHONY: build
build: prepare ## write bin/podhop
	@echo "building $(BIN) (the first time takes minutes: it holds Kubernetes)"
	@go build -v -ldflags '$(LDFLAGS)' -o $(BIN) . 2>&1 | .ci/progress

.PHONY: kubectl
kubectl: prepare ## write bin/kubectl, of the same version, for tests and for use
	@go build -v -ldflags '$(LDFLAGS)' -o $(KUBECTL) k8s.io/kubernetes/cmd/kubectl 2>&1 | .ci/progress

.PHONY: images
images: build ## build the catalogue of container images, once
	@bin/podhop images build --data $(DATA)

.PHONY: generate
generate: prepare ## rewrite the generated files: templ pages, the page's bundle
	@go generate ./...

.PHONY: test
test: ## check and test everything
	@.ci/setup test
	@$(MAKE) --no-print-directory prepare
	@.ci/test

.PHONY: clean
clean: ## remove what was built (not the data folder)
	@rm -rf bin .build
