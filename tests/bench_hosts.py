"""What the users of the hosts feel, measured with the real scripts, the strict hosts and a real engine process.

    python -m tests.bench_hosts [--json FILE]

Prints a table and writes the rows as `footfall bench` does.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

from footfall_engine.bench.measure import Measure
from footfall_engine.bench.suite import report

from tests.lua import bench_reaper
from tests.resolve import bench_resolve

HOSTS = (bench_reaper, bench_resolve)


def main() -> None:
    parser = argparse.ArgumentParser(description="The figures that Footfall promises for its hosts, measured here.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there")
    file = parser.parse_args().json
    began = time.monotonic()
    rows = list(shown(row for host in HOSTS for row in host.measured()))
    if file:
        measured = report(rows, quick=False, seconds=time.monotonic() - began)
        file.write_text(json.dumps(measured, indent=1, ensure_ascii=False) + "\n")


def shown(rows: Iterator[Measure]) -> Iterator[Measure]:
    for row in rows:
        print(f"{row.name:48}  {row.target:>10}  {row.reached:>12}  {'yes' if row.good else 'NO'}", flush=True)
        yield row


if __name__ == "__main__":
    main()
