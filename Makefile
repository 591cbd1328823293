# A thin hand over meson and ninja, for people who type `make`. What it hides: `meson setup build &&
# ninja -C build`. Variables: PREFIX, DESTDIR, STATIC=false, MESON_FLAGS, and CI=true (warnings are
# errors).

PREFIX ?= /usr/local
DESTDIR ?=
STATIC ?= true
MESON_FLAGS ?=
CI ?= false

build_flags := --prefix=$(PREFIX) -Dstatic=$(STATIC) $(if $(filter-out false 0,$(CI)),-Dwerror=true)
sanitizer_flags := -Dstatic=false -Db_sanitize=address,undefined -Db_lundef=false
sources := src tests bench

.DEFAULT_GOAL := all
.PHONY: all help deps deps-check deps-bench run check bench lint format install asan coverage e2e \
	unit clean

# On a terminal one line says how far it has come: a first build takes a while.
all: build/build.ninja ## Build into build/ (build/skiff runs from there)
	@ninja -C build $$([ -t 2 ] || echo --quiet) programs

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

deps: ## Install what building needs, from the distribution's packages
	@scripts/deps.sh build

deps-check:
	@scripts/deps.sh build check

deps-bench:
	@scripts/deps.sh build bench

run: deps ## Build, then play the README's sessions
	@$(MAKE) --no-print-directory all
	@exec scripts/demo.sh

check: deps-check ## Run everything that is tested; the last line counts it
	@exec tests/run

bench: deps-bench ## Measure side by side with docker, podman, crun and runc
	@$(MAKE) --no-print-directory all
	@exec bench/run

lint: deps-check build/build.ninja ## Check format, clang-tidy, shellcheck and the floors
	@exec scripts/lint.sh

format: ## Lay out the C files as .clang-format says
	@git ls-files -z --cached --others --exclude-standard 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' | \
		xargs -0 -r clang-format -i

install: build/build.ninja ## Install under PREFIX (and DESTDIR)
# Whoever names it only now means it all the same.
ifneq ($(filter command environment,$(firstword $(origin PREFIX))),)
	@meson configure build --prefix=$(PREFIX)
endif
	@ninja -C build --quiet programs
	@DESTDIR=$(DESTDIR) meson install -C build --no-rebuild --quiet --strip

asan: deps ## Build with the address and undefined-behaviour sanitizers into build-asan/
	@scripts/setup.sh build-asan $(sanitizer_flags) $(MESON_FLAGS)
	@ninja -C build-asan --quiet programs

coverage: deps-check ## Run the unit tests in a coverage build; report in build-coverage/
	@scripts/coverage.sh build-coverage

unit: deps-check all ## Run the unit tests
	@exec tests/run unit

e2e: deps-check all ## Run the end-to-end tests (ENGINE=docker: of docker, to see what differs)
	@exec tests/run e2e

clean: ## Remove everything that was built (keeps the downloads in .cache/)
	@rm -rf build build-*/ compile_commands.json

# Asked again only when the folder is gone: ninja itself notices changes of the meson files.
build/build.ninja:
	@scripts/setup.sh build $(build_flags) $(MESON_FLAGS)
	@ln -sfn build/compile_commands.json compile_commands.json
