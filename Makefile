# `make demo` and `make test` work on a fresh machine: both make the environment first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# Test files at once; each takes up to 2 GB of memory. One more than cores, because tests of devices
# mostly wait.
JOBS   ?= 3

# One thread a process: threads that wait for each other are slow where others have their core.
PYTEST  = OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 \
	$(BIN)/python -m pytest --durations=25
ATONCE  = -n $(JOBS) --dist loadfile --no-loadscope-reorder

# The checks before the tests, each of which takes one core.
TOGETHER = --no-print-directory --jobs 2

# What `make export-*` exports, and how precisely.
MODELS    ?= mobilenet_v2 mobilenet_v2_se mobilenet_v2_ca scenes_v2 scenes_v2_se scenes_v2_ca
PRECISION ?= fp32 fp16 int8
COREML_PRECISION ?= fp16 int8w w8a8
ARTIFACTS ?= artifacts
# What runs on iOS 16, the oldest that the app is for; w8a8 needs iOS 17.
IOS_PRECISIONS ?= fp16,int8w
FORMS     ?= mobilenet_v2_ca
# What `make bench-drift` compares: models of the zoo, or a file with its data; and its table.
DRIFT     ?= scenes_v2_ca
DRIFT_TABLE ?= scenes_v2 scenes_v2_se scenes_v2_eca scenes_v2_cbam scenes_v2_sca scenes_v2_ca
DRIFT_TARGETS ?= tflite:fp16,tflite:dynamic,tflite:int8,onnx:fp16,onnx:int8,openvino:int8,coreml:fp16,coreml:w8a8

# Options of `make matrix`, such as MATRIX="--backbones resnet18 --size 96".
MATRIX    ?=

# Options of `make experiment-attention`, such as TRIAL="--recipe mobilenet_v2".
TRIAL     ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-android test-ios test-browser test-devices check lint types imports docs test-fast export-tflite \
	export-coreml export-openvino export-onnx export-all bundle-android bundle-ios \
	bench-agreement bench-drift bench-export bench-forms drift-table matrix experiment-attention prove-statistics prove-designs prove-gate prove-here prove-unplug prove-tabs clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

setup: $(READY)  ## make the environment in .venv

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --progress-bar on --no-compile --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m compileall -qq -j 0 $(VENV) || true  # On all cores; pip would take one.
	@touch $@

# Exit code 3 is an answer too: the machine was too busy for a verdict, and the report says so.
demo: export-tflite  ## export, measure on this machine, print the verdict and write the HTML report
	$(BIN)/edgebench --device local --html || test $$? -eq 3

test: setup  ## make the environment and run every check
	@$(MAKE) $(TOGETHER) lint types imports docs
	$(PYTEST) $(ATONCE)

check:  ## every check but those of test-devices, test-android and test-browser, in an environment that is there
	@$(MAKE) $(TOGETHER) lint types imports docs
	$(PYTEST) $(ATONCE) -m 'not rig'

test-android: $(READY)  ## the Android app: its core on the JVM with real models, the rest compiled; needs a JDK
	$(PYTEST) $(ATONCE) -m rig tests/android tests/rigs/test_phone_app_in_kotlin.py

test-ios: $(READY)  ## the iOS app: its core in Swift as an iPhone's app, the rest type-checked; fetches Swift first
	$(PYTEST) $(ATONCE) -m rig tests/ios

test-devices: $(READY)  ## whole runs on a real adbd, a real sshd and Arm code; sets them up first
	$(PYTEST) $(ATONCE) -m rig tests/rigs --ignore-glob='*/test_browser*.py'

test-browser: $(READY)  ## whole runs in a real Chromium and a real Firefox; sets them up first
	$(PYTEST) -m rig tests/rigs/test_browser*.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

# A warning, such as a link to nowhere, is an error. -E: the commands' help may have changed.
docs: $(READY)  ## build the documentation site in build/site
	$(BIN)/sphinx-build -q -E -W --keep-going -c docs/site . build/site

test-fast: $(READY)  ## the tests that take seconds
	$(PYTEST) -m 'not slow and not rig'

export-tflite: $(READY)  ## export MODELS="..." in PRECISION="..." to artifacts/
	$(BIN)/edgebench export $(MODELS) $(PRECISION:%=--to tflite:%) --out $(ARTIFACTS)

bundle-android: export-tflite  ## give the models of `make export-tflite` to the Android app
	$(BIN)/edgebench bundle $(MODELS) --android --artifacts $(ARTIFACTS)

export-coreml: $(READY)  ## the same to Core ML, in fp16, int8w and w8a8
	$(BIN)/edgebench export $(MODELS) $(COREML_PRECISION:%=--to coreml:%) --out $(ARTIFACTS)

bundle-ios: export-coreml  ## give the models of `make export-coreml` to the iOS app
	$(BIN)/edgebench bundle $(MODELS) --ios --precisions $(IOS_PRECISIONS) --artifacts $(ARTIFACTS)

export-openvino: $(READY)  ## the same to OpenVINO
	$(BIN)/edgebench export $(MODELS) $(PRECISION:%=--to openvino:%) --out $(ARTIFACTS)

export-onnx: $(READY)  ## the same to ONNX, for ONNX Runtime
	$(BIN)/edgebench export $(MODELS) $(PRECISION:%=--to onnx:%) --out $(ARTIFACTS)

export-all: $(READY)  ## MODELS="..." to every format and precision that there is
	$(BIN)/edgebench export $(MODELS) --to all --out $(ARTIFACTS)

bench-agreement: $(READY)  ## our times beside those of LiteRT's and OpenVINO's own benchmarks
	$(BIN)/edgebench export mobilenet_v2_ca --to tflite:fp32 --to openvino:fp32 --out $(ARTIFACTS)
	$(BIN)/python -m edgebench.benchmarks.proof.agreement $(ARTIFACTS)/mobilenet_v2_ca.fp32.tflite
	$(BIN)/python -m edgebench.benchmarks.proof.agreement $(ARTIFACTS)/mobilenet_v2_ca.fp32.openvino

bench-forms: $(READY)  ## what each graph pass buys, per target and precision: FORMS=mobilenet_v2_ca
	$(BIN)/python -m edgebench.commands.bench_forms $(FORMS)

bench-export: $(READY)  ## time, CPU and memory of exports: DETECTOR=model.onnx LITERT_TORCH=python
	$(BIN)/python -m edgebench.benchmarks.proof.export_costs $(DETECTOR:%=--detector %) \
		$(LITERT_TORCH:%=--litert-torch %)

bench-drift: $(READY)  ## whose int8 loses least at which latency: DRIFT="scenes_v2_ca" or DRIFT="model.onnx --data npz:d.npz" AI_EDGE=python
	$(BIN)/python -m edgebench.commands.bench_drift $(AI_EDGE:%=--ai-edge %) $(DRIFT)

drift-table: $(READY)  ## the shipped checkpoints in every format and precision, and with a budget; goes on where it was interrupted
	$(BIN)/python -m edgebench.commands.bench_drift --alone --no-time --out $(ARTIFACTS)/drift-table \
		--to $(DRIFT_TARGETS) $(DRIFT_TABLE)

matrix: $(READY)  ## every attention in every backbone, format and precision; goes on where it was interrupted
	$(BIN)/python -m edgebench.commands.matrix $(MATRIX)

experiment-attention: $(READY)  ## which attention is more accurate; goes on where it was interrupted
	OMP_NUM_THREADS=1 $(BIN)/python -m edgebench.commands.attention --page docs/attention.md $(TRIAL)

prove-statistics: $(READY)  ## the proof of the statistics: 1000 simulated runs a scenario, about an hour
	$(BIN)/python -m edgebench.benchmarks.proof.prove_statistics

prove-designs: $(READY)  ## orders, estimators and stopping rules compared in simulation, about 1 min
	$(BIN)/python -m edgebench.benchmarks.proof.prove_designs

prove-gate: $(READY)  ## the proof of the gate of two runs, on simulated machines
	$(BIN)/python -m edgebench.benchmarks.proof.prove_gate

prove-here: $(READY)  ## who is wrong how often on this machine, under load: 40 runs, about an hour; LOADED=2 for more cores, LOAD=memory
	$(BIN)/python -m edgebench.benchmarks.proof.prove_here $(LOADED:%=--cores %) $(LOAD:%=--load %)

prove-unplug: $(READY)  ## pull the cable of a phone at 50 random moments of a run, about 15 min
	PYTHONPATH=tests:tests/benchmarks $(BIN)/python tests/rigs/unplug.py --times 50

prove-tabs: $(READY)  ## kill or reload a browser's tab at 10 random moments of a run, about 1 min
	PYTHONPATH=tests:tests/benchmarks $(BIN)/python tests/rigs/kill_tabs.py --times 10

clean:  ## remove the environment, artifacts and runs
	rm -rf $(VENV) $(ARTIFACTS) runs build dist
