"""The server under load: requests per second, latencies, errors and memory, compared with Rasa's, and overload.

    python benchmarks/server_load.py MODEL TEXTS [--workers 2] [--clients 64] [--seconds 60] [--requests 100000]
                                     [--against URL] [--overload] [--out FIGURES.json]

TEXTS is a JSONL file with "text" in each line, or a plain file with a sentence a line; requests take them in turn.
The load comes from wrk (Debian: apt-get install wrk) with keep-alive connections, on the loopback interface only.

- load: --clients connections for --seconds against `POST /model/parse` of a server that this script starts;
- memory: resident memory of the workers after a warm-up, after the load, and again after --requests requests in all;
- --against URL: the same load on the `POST /model/parse` of a running Rasa server, such as
  `rasa run --enable-api -m peer.tar.gz --port 5006`, alternating with cnlu's;
- --overload: ten times as many clients as the queues of all workers hold texts, for ten seconds. Every request must get
  200 or 503. Also measured: the time until a single request is served again, and its latency before and after.

Wall times on a shared machine are unreliable: run this on an idle one.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
from measure import MIB, environment, machine, table

WARM_UP_S = 5
OVERLOAD_S = 10
MOST_TEXTS = 500

SCRIPT = """
local bodies = {
%s
}
local n, statuses = 0, {}
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) counts = {}; counts_text = "" end
function request()
  n = n + 1
  return wrk.format("POST", nil, {["Content-Type"] = "application/json"}, bodies[n %% #bodies + 1])
end
function response(status, headers, body)
  counts[status] = (counts[status] or 0) + 1
  counts_text = ""
  for code, count in pairs(counts) do counts_text = counts_text .. code .. "=" .. count .. " " end
end
function done(summary, latency, requests)
  io.write("FIGURES requests=" .. summary.requests .. " us=" .. summary.duration)
  io.write(" p50=" .. latency:percentile(50) .. " p99=" .. latency:percentile(99) .. " max=" .. latency.max)
  for kind, count in pairs(summary.errors) do io.write(" " .. kind .. "=" .. count) end
  io.write("\\n")
  for _, thread in ipairs(threads) do io.write("STATUSES " .. thread:get("counts_text") .. "\\n") end
end
"""


class Server:
    """A cnlu server and its workers."""

    def __init__(self, model: Path, workers: int, log: Path) -> None:
        self.log = log
        command = [sys.executable, "-m", "cnlu", "serve", str(model), "--port", "0", "--workers", str(workers)]
        self.process = subprocess.Popen(command, stderr=log.open("wb"), env=environment())
        self.url = self._url()

    def workers(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if "spawn_main" in " ".join(child.cmdline())]

    def resident_mib(self) -> list[float]:
        return [round(worker.memory_info().rss / MIB, 1) for worker in self.workers()]

    def cpu_s(self) -> float:
        return sum(sum(worker.cpu_times()[:2]) for worker in self.workers())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def _url(self) -> str:
        while self.process.poll() is None:
            if found := re.search(r"serving at (http://\S+)", self.log.read_text("utf-8")):
                return found[1]
            time.sleep(0.1)
        sys.exit(f"the server did not start: {self.log.read_text('utf-8').strip()}")


def load(url: str, script: Path, clients: int, seconds: int, threads: int = 1) -> dict[str, Any]:
    """One run of wrk: requests, their rate, latencies in milliseconds, responses by status, unanswered requests."""
    command = [
        "wrk",
        f"-t{threads}",
        f"-c{clients}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(script),
        url.rstrip("/") + "/model/parse",
    ]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = re.search(r"^FIGURES (.*)$", output, re.MULTILINE)
    if line is None:
        sys.exit(f"wrk printed no figures:\n{output}")
    numbers = {name: float(value) for name, value in (pair.split("=") for pair in line[1].split())}
    statuses: dict[str, int] = {}
    for words in re.findall(r"^STATUSES (.*)$", output, re.MULTILINE):
        for code, count in (pair.split("=") for pair in words.split()):
            statuses[code] = statuses.get(code, 0) + int(count)
    served = statuses.get("200", 0)
    seconds_run = numbers["us"] / 1e6
    return {
        "clients": clients,
        "requests": int(numbers["requests"]),
        "seconds": round(seconds_run, 2),
        "served_per_s": round(served / seconds_run, 1),
        "answers": statuses,
        "p50_ms": round(numbers["p50"] / 1000, 2),
        "p99_ms": round(numbers["p99"] / 1000, 2),
        "max_ms": round(numbers["max"] / 1000, 2),
        "unanswered": {kind: int(numbers[kind]) for kind in ("connect", "read", "write", "timeout")},
    }


def measure_load(server: Server, script: Path, clients: int, seconds: int) -> dict[str, Any]:
    before = server.cpu_s()
    figures = load(server.url, script, clients, seconds)
    figures["cpu_ms_per_request"] = round((server.cpu_s() - before) * 1000 / max(1, figures["requests"]), 3)
    return figures


def measure_memory(server: Server, script: Path, clients: int, requests: int, done: int) -> dict[str, Any]:
    """Resident memory now and after the workers have answered `requests` in total."""
    now = server.resident_mib()
    while done < requests:
        done += load(server.url, script, clients, 10)["requests"]
    return {"requests": done, "resident_mib": {"then": now, "after": server.resident_mib()}}


def measure_overload(server: Server, script: Path, clients: int) -> dict[str, Any]:
    usual = latency(server.url)
    figures = load(server.url, script, clients, OVERLOAD_S, threads=2)
    start = time.perf_counter()
    while latency(server.url) is None:
        time.sleep(0.01)
    figures["served_again_after_s"] = round(time.perf_counter() - start, 3)
    figures["one_request_ms"] = {"before": usual, "after": latency(server.url)}
    return figures


def latency(url: str) -> float | None:
    """Milliseconds of one request; None if it is refused."""
    request = urllib.request.Request(url + "/model/parse", b'{"text": "\\u4f60\\u597d"}')
    start = time.perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
    except urllib.error.HTTPError:
        return None
    return round((time.perf_counter() - start) * 1000, 2)


def read_texts(path: Path) -> list[str]:
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()][:MOST_TEXTS]
    return [json.loads(line)["text"] if path.suffix == ".jsonl" else line for line in lines]


def write_script(texts: list[str], path: Path) -> Path:
    bodies = [json.dumps({"text": text, "message_id": str(number)}) for number, text in enumerate(texts)]
    # A JSON string in ASCII is a Lua string once its backslashes and quotes are escaped.
    quoted = ['  "' + body.replace("\\", "\\\\").replace('"', '\\"') + '",' for body in bodies]
    path.write_text(SCRIPT % "\n".join(quoted), encoding="ascii")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument(
        "--requests", type=int, default=100_000, help="requests before the second reading of the memory; 0 for none"
    )
    parser.add_argument("--against", metavar="URL", help="a running Rasa server to compare with")
    parser.add_argument("--overload", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed; apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(arguments, Path(folder))
    print(report(figures))
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    script = write_script(read_texts(arguments.texts), folder / "load.lua")
    server = Server(arguments.model, arguments.workers, folder / "server.log")
    figures: dict[str, Any] = {"machine": machine(), "workers": arguments.workers}
    try:
        warm = load(server.url, script, arguments.clients, WARM_UP_S)["requests"]
        figures["memory_warm_mib"] = server.resident_mib()
        figures["cnlu"] = measure_load(server, script, arguments.clients, arguments.seconds)
        if arguments.against:
            load(arguments.against, script, arguments.clients, WARM_UP_S)
            figures["rasa"] = load(arguments.against, script, arguments.clients, arguments.seconds)
            figures["cnlu_again"] = measure_load(server, script, arguments.clients, arguments.seconds)
        if arguments.requests:
            done = warm + figures["cnlu"]["requests"]
            figures["memory"] = measure_memory(server, script, arguments.clients, arguments.requests, done)
        if arguments.overload:
            figures["overload"] = measure_overload(server, script, 10 * 256 * arguments.workers)
    finally:
        server.stop()
    return figures


def report(figures: dict[str, Any]) -> str:
    names = [name for name in ("cnlu", "rasa", "cnlu_again", "overload") if name in figures]
    rows = [
        [
            name,
            str(one["clients"]),
            f"{one['served_per_s']:g}",
            f"{one['p50_ms']:g}",
            f"{one['p99_ms']:g}",
            " ".join(f"{code}: {count}" for code, count in sorted(one["answers"].items())),
            str(sum(one["unanswered"].values())),
        ]
        for name, one in ((name, figures[name]) for name in names)
    ]
    text = table(["run", "clients", "served/s", "p50 ms", "p99 ms", "answers", "unanswered"], rows)
    text += f"\n\nmemory of the workers, MiB: warm {figures['memory_warm_mib']}"
    if "memory" in figures:
        text += f", after {figures['memory']['requests']} requests {figures['memory']['resident_mib']['after']}"
    if "overload" in figures:
        text += f"\nserved again {figures['overload']['served_again_after_s']} s after the overload ended"
    return text


if __name__ == "__main__":
    main()
