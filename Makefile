# attnbench: the targets that matter
#   make run     install what is missing, build, run Suites/card.yaml, say where the report is
#   make test    install what is missing, build, check the import arrows, run every test
#   make smoke   the small suite only
#   make layers  check the import arrows between the targets
#   make kernels run the C kernels on guarded buffers under the address sanitizer
#   make format  format the Swift sources; make lint checks without writing
#   make golden  record the snapshots of the tests anew
#   make nightly the nightly run: gate, suites, history, one page (NIGHTLY="--time-limit 1h")
#   make torture hours of checks that are too long for every change: kills, full disks

# One configuration for everything: another one would build all of it again.
SWIFT_FLAGS = -c release
ATTNBENCH = .build/release/attnbench
# A core that OpenBLAS inherits may be below this CPU; the command corrects that itself.
unexport OPENBLAS_CORETYPE
unexport OPENBLAS_L2_SIZE

.PHONY: run test build dependencies smoke layers kernels lint format golden nightly torture

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

kernels:
	@Scripts/check-kernels.sh

lint:
	swift format lint --recursive --strict Sources Tests Package.swift

format:
	swift format format --recursive --in-place Sources Tests Package.swift

golden: build
	RECORD_SNAPSHOTS=1 swift test $(SWIFT_FLAGS) --skip-build

nightly:
	@Scripts/nightly.sh $(NIGHTLY)

torture: build
	@Scripts/torture.sh
