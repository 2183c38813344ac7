# Every recipe works alone: it sets up what it needs first. Without just and uv, `./dev RECIPE` brings both.

set positional-arguments

gillnet := "uv run --frozen gillnet"
python := "uv run --frozen python"

# list the recipes
[private]
default:
    @"{{ just_executable() }}" --list --unsorted

# make or refresh the environment in .venv
setup:
    @[ -x .venv/bin/gillnet ] || echo "setup: installing Gillnet and what it needs into .venv (once, about 1 GB)" >&2
    @uv sync --frozen --quiet --compile-bytecode

# see the whole system work on this machine, in under a minute
demo *ARGS: setup
    @{{ gillnet }} demo "$@"

# judge a Kafka stream (flags as in `gillnet run --help`)
run *ARGS: setup
    @{{ gillnet }} run "$@"

# run the tests (arguments go to pytest)
test *ARGS: setup
    @{{ python }} -m detector.compiling
    @uv run --frozen pytest -n 2 --dist loadfile "$@"

# check style, types and which package imports which
lint: setup
    uv run --frozen ruff check
    uv run --frozen ruff format --check
    uv run --frozen mypy
    uv run --frozen lint-imports

# put the code into the project's format
format: setup
    uv run --frozen ruff check --fix-only
    uv run --frozen ruff format

# run exactly what CI runs
ci:
    bash .ci/run

# write docs/features.md, the page about every feature, from the catalogue
docs: setup
    {{ gillnet }} features --list --markdown > docs/features.md

# train the model that ships with Gillnet, on the simulator; the same seed gives the same bytes
train-default: setup
    mkdir -p data/artifacts/train
    {{ gillnet }} simulate --scenario train --seed 1 --output data/artifacts/train/events.jsonl.zst --labels data/artifacts/train/labels.csv
    {{ gillnet }} train --events data/artifacts/train/events.jsonl.zst --labels data/artifacts/train/labels.csv --synthetic --output models/shipped

# train the encoder of messages that ships, from MiniLM and openly licensed chat (needs the extra: some gigabytes)
train-encoder *ARGS: setup
    uv run --frozen --extra text python -m models.encoder.train --output models/encoder/shipped "$@"

# train the categories of messages that ship, with the encoder that ships (likewise)
train-categories *ARGS: setup
    uv run --frozen --extra text python -m models.categories.train --data ../shared/data "$@"

# judge a million mutated events (files of real ones may be named) and see that every one is accounted for
fuzz *ARGS: setup
    @{{ python }} benchmarks/fuzz.py "$@"

# kill a running deployment KILLS times at random moments and compare with one that nothing happened to
chaos KILLS="20": setup
    @CHAOS_KILLS="$1" uv run --frozen pytest -q -s tests/flows/test_chaos.py

# list known vulnerabilities of the dependencies in uv.lock (asks api.osv.dev)
audit: setup
    uv audit --frozen --preview-features audit-command

# replay the real data sets of SOURCE through the whole system, train on them, and print how well that does
real SOURCE="../shared/data" *ARGS: setup
    @{{ python }} benchmarks/real.py "$@"

# leave out a family of simulated bots, and a real data set, and see how a model does on what it never saw
transfer SOURCE="../shared/data" *ARGS: setup
    @{{ python }} benchmarks/transfer.py "$@"

# run a benchmark of benchmarks/: latency, decode, scoring, text, w1 and more (arguments go to it)
bench NAME *ARGS: setup
    @name="$1"; shift; {{ python }} "benchmarks/$name.py" "$@"

# write the Grafana board and the alert rules as files
dashboards *ARGS: setup
    @{{ gillnet }} dashboards export "$@"
