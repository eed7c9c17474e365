# attnbench: the targets that matter
#   make run     install what is missing, build, run Suites/card.yaml, say where the report is
#   make test    install what is missing, build, check the import arrows, run every test
#   make smoke   the small suite only
#   make layers  check the import arrows between the targets
#   make kernels run the C kernels on guarded buffers under the address sanitizer
#   make browser-test open the HTML report in headless Chromium, if there is one
#   make format  format the Swift sources; make lint checks without writing
#   make deterministic-gate compare work, allocations, output bits and instructions with a file
#   make static-gate compare the inner loops of the AVX-512 kernels with a file; both have -update
#   make install PREFIX=/usr/local: the binary, completions, manual page, suites
#   make readme  write the table of mechanisms into the README anew
#   make docs    documentation of the libraries with docc, below .build/docs
#   make golden  record the snapshots of the tests anew
#   make licenses print name, version and licence of everything that the program is made of
#   make nightly the nightly run: gate, suites, history, one page (NIGHTLY="--time-limit 1h")
#   make torture hours of checks that are too long for every change: kills, full disks, fuzzing,
#                sanitizers; pieces of it by Scripts/torture.sh --only NAME
#   make docs    write the documentation of the libraries to .build/docs; make figures draws its pictures

# One configuration for everything: another one would build all of it again.
SWIFT_FLAGS = -c release
ATTNBENCH = .build/release/attnbench
# A core that OpenBLAS inherits may be below this CPU; the command corrects that itself.
unexport OPENBLAS_CORETYPE
unexport OPENBLAS_L2_SIZE

PREFIX ?= /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share

.PHONY: install uninstall readme
.PHONY: run test build dependencies smoke layers kernels licenses lint format golden nightly torture docs \
  static-gate static-gate-update deterministic-gate deterministic-gate-update browser-test figures

run: build
	$(ATTNBENCH) run Suites/card.yaml

build: dependencies
	swift build $(SWIFT_FLAGS) --build-tests

dependencies:
	@Scripts/install-dependencies.sh

test: layers build kernels
	swift test $(SWIFT_FLAGS) --disable-testable-imports --skip-build

smoke: build
	$(ATTNBENCH) run Suites/smoke.yaml

layers:
	@Scripts/check-layers.sh

licenses:
	@Scripts/licenses.sh

kernels:
	@Scripts/check-kernels.sh

browser-test: build
	@Scripts/browser-test.sh

lint:
	swift format lint --recursive --strict Sources Tests Package.swift

format:
	swift format format --recursive --in-place Sources Tests Package.swift

golden: build
	RECORD_SNAPSHOTS=1 swift test $(SWIFT_FLAGS) --disable-testable-imports --skip-build

nightly:
	@Scripts/nightly.sh $(NIGHTLY)

torture: build browser-test
	@Scripts/torture.sh

static-gate: build
	@Scripts/static-gate.sh

static-gate-update: build
	@Scripts/static-gate.sh --update

deterministic-gate: build
	@Scripts/deterministic-gate.sh

deterministic-gate-update: build
	@Scripts/deterministic-gate.sh --update

docs:
	@Scripts/generate-documentation.sh

figures:
	gnuplot Documentation/Figures/bounds.gp

# The binary, its completions, its manual page and the suites, which it finds from anywhere.
install: build
	install -Dm755 $(ATTNBENCH) $(DESTDIR)$(PREFIX)/bin/attnbench
	install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions \
	  $(SHARE)/fish/vendor_completions.d $(SHARE)/attnbench
	$(ATTNBENCH) --generate-completion-script bash > $(SHARE)/bash-completion/completions/attnbench
	$(ATTNBENCH) --generate-completion-script zsh > $(SHARE)/zsh/site-functions/_attnbench
	$(ATTNBENCH) --generate-completion-script fish > $(SHARE)/fish/vendor_completions.d/attnbench.fish
	cp -R Suites $(SHARE)/attnbench/
	install -d $(SHARE)/man/man1
	$(ATTNBENCH) manual > $(SHARE)/man/man1/attnbench.1

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/attnbench $(SHARE)/bash-completion/completions/attnbench \
	  $(SHARE)/zsh/site-functions/_attnbench $(SHARE)/fish/vendor_completions.d/attnbench.fish \
	  $(SHARE)/man/man1/attnbench.1
	rm -rf $(SHARE)/attnbench

readme: build
	@Scripts/update-readme.sh
