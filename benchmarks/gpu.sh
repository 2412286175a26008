#!/bin/sh
# Training speed on a GPU, as a Markdown table; needs no network and no files but this checkout's.
#
#     sh benchmarks/gpu.sh [--batches 32 256] [--lengths 16 64] [--seconds 15] ...
#     sh benchmarks/gpu.sh --device cpu --tiny        # whether it runs at all, in seconds
#
# Runs benchmarks/gpu.py, which says more, with $PYTHON, else the checkout's .venv, else python3.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
elif [ -x "$root/.venv/bin/python" ]; then
    python=$root/.venv/bin/python
else
    python=python3
fi
exec "$python" "$root/benchmarks/gpu.py" "$@"
