#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Targets of the kernels beside what was measured: met or missed.

  Scripts/kernels-table.py                  measures on one and two threads and with the AVX2 table
  Scripts/kernels-table.py --one RUN        reads the journals of runs that exist
      [--two RUN] [--avx2 RUN]

A share is the median, over samples whose core nobody shared, of the rate against the Float32
multiply-add peak (for two threads: that of both) measured around the sample; "bare" divides the time
of the bare transforms by that of the mechanism, "read" that of a read of its key-value cache, round
by round. "Own core" says how many samples were left. Measure on a quiet machine.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUITE = "Suites/kernels.yaml"
SAGE_BLOCKS = "sage1[keyBlock=512,variant=vT]"

# Label, case, quantity, target, aim [percent].
TARGETS = [
    ("flash d=64", "flash@1x1x4096x64", "peak", 93, 95),
    ("flash d=128", "flash@1x1x4096x128", "peak", 94.5, 96),
    ("flash d=64 N=128", "flash@1x8x128x64", "peak", 88, 91),
    ("flash d=64 N=512", "flash@1x8x512x64", "peak", 93, 95),
    ("flash causal d=64 N=4096", "flash@1x1x4096x64,causal", "peak", 92, 94),
    ("flash causal d=128 N=4096", "flash@1x1x4096x128,causal", "peak", 92, 94),
    ("flash causal d=64 N=1024", "flash@1x4x1024x64,causal", "peak", 89, 92),
    ("flash causal d=128 N=1024", "flash@1x4x1024x128,causal", "peak", 89, 92),
    ("bf16-flash d=64", "bf16-flash@1x1x4096x64", "peak", 180, 186),
    ("bf16-flash d=128", "bf16-flash@1x1x4096x128", "peak", 185, 190),
    ("sage1 INT8 + bf16 d=64", "sage1[variant=T]@1x1x4096x64", "peak", 220, 230),
    ("sage1 INT8 + bf16 d=128", "sage1[variant=T]@1x1x4096x128", "peak", 235, 245),
    ("sage1 INT8 + INT8 d=64", SAGE_BLOCKS + "@1x1x4096x64", "peak", 300, 320),
    ("sage1 INT8 + INT8 d=128", SAGE_BLOCKS + "@1x1x4096x128", "peak", 328, 345),
    ("window 256 d=64", "neighborhood[window=256]@1x1x16384x64", "peak", 83, 87),
    ("window 256 d=64 causal", "neighborhood[window=256]@1x1x16384x64,causal", "peak", 83, 87),
    ("window 256 d=128", "neighborhood[window=256]@1x1x16384x128", "peak", 81, 87),
    ("window 256 d=128 causal", "neighborhood[window=256]@1x1x16384x128,causal", "peak", 81, 87),
    ("window 1024 d=64", "neighborhood[window=1024]@1x1x16384x64", "peak", 90, 93),
    ("window 1024 d=64 causal", "neighborhood[window=1024]@1x1x16384x64,causal", "peak", 90, 93),
    ("window 1024 d=128", "neighborhood[window=1024]@1x1x16384x128", "peak", 89, 93),
    ("window 1024 d=128 causal", "neighborhood[window=1024]@1x1x16384x128,causal", "peak", 89, 93),
    ("2-D 16x16 stride 8x8", "neighborhood[stride=8x8,window=16x16]@", "peak", 85, 89),
    ("2-D 24x24 stride 8x8", "neighborhood[stride=8x8,window=24x24]@", "peak", 89, 92),
    ("2-D 7x7 stride 1", "neighborhood[window=7x7]@", "peak", 40, 50),
    ("2-D 13x13 stride 1", "neighborhood[window=13x13]@", "peak", 58, 70),
    ("2-D 16x16 stride 1", "neighborhood[window=16x16]@", "peak", 62, 75),
    ("3-D 8x8x8 stride 4x8x8", "neighborhood[stride=4x8x8,window=8x8x8]@", "peak", 85, 90),
    ("3-D 8x8x8 stride 1", "neighborhood[window=8x8x8]@", "peak", 51, 65),
    ("moba 512 top-3", "moba[blockSize=512,topK=3]@", "peak", 83, 88),
    ("linear d=64", "linear@1x2x16384x64", "peak", 87, 90),
    ("linear d=128", "linear@1x2x16384x128", "peak", 90, 93),
    ("linear causal d=64", "linear@1x2x16384x64,causal", "peak", 76, 84),
    ("lightning d=64", "lightning@1x2x16384x64,causal", "peak", 85, 91),
    ("performer 256", "performer[features=256]@", "peak", 91, 94),
    ("fnet 4096 x 512", "fnet@", "bare", 85, 95),
    ("decode f32", "split-kv@", "read", 92, 96),
    ("decode bf16", "split-kv[keyValuePrecision=bfloat16]@", "read", 90, 95),
    ("decode INT8", "split-kv[keyValuePrecision=int8]@", "read", 80, 92),
]

# Label, case, the case whose share it should reach within 10 percent.
NEIGHBOURS = [
    ("flash d=32", "flash@1x1x2048x32", "flash@1x1x4096x64"),
    ("flash d=40", "flash@1x1x2048x40", "flash@1x1x4096x64"),
    ("flash d=80", "flash@1x1x2048x80", "flash@1x1x4096x64"),
    ("flash d=96", "flash@1x1x2048x96", "flash@1x1x4096x128"),
    ("flash d=192", "flash@1x1x2048x192", "flash@1x1x4096x128"),
    ("flash d=256", "flash@1x1x2048x256", "flash@1x1x4096x128"),
    ("flash N=197", "flash@1x8x197x64", "flash@1x8x128x64"),
    ("flash N=1000", "flash@1x8x1000x64", "flash@1x8x512x64"),
    ("flash N=4097", "flash@1x1x4097x64", "flash@1x1x4096x64"),
    ("flash heads 32/8", "flash@1x32x1024x128,kvHeads=8", "flash@1x1x4096x128"),
    ("flash d=64, values 128", "flash@1x1x4096x64,valueDim=128", "flash@1x1x4096x64"),
]

AVX2_TARGETS = [
    ("AVX2 flash d=64", "flash@1x1x4096x64", "peak", 89, 92),
    ("AVX2 flash d=128", "flash@1x1x4096x128", "peak", 93, 96),
]

# Cases bound by memory or by the merge of few units scale with their own floor.
MEMORY_BOUND = ("split-kv", "fnet")


# Quantities that divide the time of an alternative, timed in turns with the mechanism, by its own.
BARE = {"bare": "bare transforms", "read": "bare read"}


def read(folder):
    """The timed records of a run, by case."""
    path = pathlib.Path(folder)
    path = path / "journal.jsonl" if path.is_dir() else path
    records = {}
    for line in path.read_text().splitlines():
        record = json.loads(line)
        timing = record.get("timing")
        if isinstance(timing, dict) and "alternatives" in timing:
            records[record["caseID"]] = timing
    return records


def find(records, case):
    """The record of a case; one that ends in "@" takes the only shape of its mechanism."""
    for name, timing in records.items():
        base = name.rsplit("/", 1)[0]
        if base == case or (case.endswith("@") and base.startswith(case)):
            return timing
    return None


def median(timing):
    return alternative(timing)["medianNanoseconds"]


def alternative(timing, name=None):
    for item in timing["alternatives"]:
        if item["role"] == "mechanism" if name is None else item["name"] == name:
            return item
    return None


def own_core(timing):
    """How many samples of the mechanism had a core of their own, of how many."""
    item = timing.get("alone") or alternative(timing)
    shared = item.get("sharedCoreSamples")
    count = len(item["samplesNanoseconds"])
    return "" if shared is None else "%d of %d" % (count - len(shared), count)


def paired(timing, name):
    """The median over rounds of the time of `name` over that of the mechanism."""
    top, bottom = alternative(timing, name), alternative(timing)
    if top is None:
        return None
    pairs = list(zip(top["samplesNanoseconds"], bottom["samplesNanoseconds"]))
    shared = set(top.get("sharedCoreSamples") or []) | set(bottom.get("sharedCoreSamples") or [])
    own = [pair for index, pair in enumerate(pairs) if index not in shared]
    return statistics.median(a / b for a, b in (own if len(own) >= 5 else pairs))


def number(value):
    return value if isinstance(value, (int, float)) else None


def measured(timing, quantity):
    """Percent, or None where the run does not say."""
    if timing is None:
        return None
    if quantity in BARE:
        bare = paired(timing, BARE[quantity])
        return None if bare is None else 100 * bare
    share = number(timing.get("shareOfPeak" if quantity == "peak" else "floorShare"))
    return None if share is None else 100 * share


def verdict(value, target, aim):
    if value is None:
        return "not measured"
    if value >= aim:
        return "met, and the aim"
    return "met" if value >= target else "MISSED by %.1f" % (target - value)


def print_table(title, rows):
    print("\n### %s\n\n| Kernel | Of | Measured [%%] | Target | Aim | | Own core |" % title)
    print("|---|---|---|---|---|---|---|")
    for label, quantity, value, target, aim, own in rows:
        shown = "" if value is None else "%.1f" % value
        print("| %s | %s | %s | %g | %g | %s | %s |"
              % (label, quantity, shown, target, aim, verdict(value, target, aim), own))


def direct_rows(records, targets):
    rows = []
    for label, case, quantity, target, aim in targets:
        timing = find(records, case)
        own = own_core(timing) if timing else ""
        rows.append((label, quantity, measured(timing, quantity), target, aim, own))
    return rows


def neighbour_rows(records):
    rows = []
    for label, case, other in NEIGHBOURS:
        own, base = (measured(find(records, c), "peak") for c in (case, other))
        value = 100 * own / base if own is not None and base else None
        rows.append((label, "share of " + other, value, 90, 95, ""))
    return rows


def scaling_rows(one, two):
    rows = []
    for label, case, quantity, _, _ in TARGETS:
        first, second = find(one, case), find(two, case)
        if first is None or second is None:
            continue
        if case.startswith(MEMORY_BOUND):
            floors = [measured(t, "floor") for t in (first, second)]
            value = 100 * floors[1] / floors[0] if all(floors) else None
            rows.append((label, "floor share of one thread", value, 90, 95, ""))
        else:
            rows.append((label, "time of one thread over two", 100 * median(first) / median(second),
                         190, 197, ""))
    return rows


def two_thread_rows(two):
    cases = [t for t in TARGETS if t[1].startswith("flash@") and "4096" in t[1]]
    return [(label, "peak of two threads", measured(find(two, case), "peak"), 91, 94, "")
            for label, case, _, _, _ in cases]


def run(name, arguments, environment=None):
    """Runs the suite and returns the folder of the run."""
    command = [str(ROOT / ".build/release/attnbench"), "run", SUITE, "--name", name] + arguments
    print("$ " + " ".join(command[1:]), file=sys.stderr)
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **(environment or {})},
                   stdout=sys.stderr)
    return ROOT / "Results/runs" / name


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", help="run on one thread")
    parser.add_argument("--two", help="run on two threads")
    parser.add_argument("--avx2", help="run of the AVX2 table on one thread")
    options = parser.parse_args()
    if not (options.one or options.two or options.avx2):
        stamp = "kernels-" + time.strftime("%Y%m%d-%H%M%S")
        options.one = run(stamp + "-1", ["--threads", "1"])
        options.two = run(stamp + "-2", ["--threads", "2"])
        options.avx2 = run(
            stamp + "-avx2", ["--threads", "1", "--filter", "flash@1x1x4096x"],
            {"ATTNBENCH_ISA": "avx2"})
    one = read(options.one) if options.one else {}
    if one:
        print_table("One thread", direct_rows(one, TARGETS))
        print_table("Other sizes", neighbour_rows(one))
    if options.avx2:
        print_table("AVX2, one thread", direct_rows(read(options.avx2), AVX2_TARGETS))
    if options.two:
        two = read(options.two)
        print_table("Two threads", two_thread_rows(two))
        if one:
            print_table("Scaling", scaling_rows(one, two))


if __name__ == "__main__":
    main()
