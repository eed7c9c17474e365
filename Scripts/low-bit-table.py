#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Accuracy of low-bit attention in a run of Suites/low-bit.yaml, beside the published tables.

  Scripts/low-bit-table.py RUN        RUN is a folder below Results/runs

Prints Markdown: one table per input, then what papers print, with sources, beside the mean and the
worst of the captured layers of the run. Papers measured other layers, so orders compare, digits do not.
"""
import csv
import json
import pathlib
import sys

PUBLISHED = pathlib.Path(__file__).resolve().parent.parent / "Suites/data/low-bit-published.csv"


def cases(run):
    for line in (pathlib.Path(run) / "journal.jsonl").read_text().splitlines():
        record = json.loads(line)
        dense = known(record.get("accuracy", {}).get("dense"))
        if "caseID" in record and dense:
            yield record, dense


def name(record):
    given = record["mechanism"].get("given") or {}
    texts = [f"{key}={value}" for key, value in sorted(given.items())]
    return " ".join([record["caseID"].split("@")[0].split("[")[0]] + texts)


def known(value):
    """The value, or None where the record gives a reason for its absence."""
    return None if isinstance(value, dict) and "absent" in value else value


def number(value, form):
    return "n/a" if value is None else format(value, form)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    inputs, captured = {}, {}
    for record, dense in cases(sys.argv[1]):
        kind = record["problem"]["input"]["kind"]
        inputs.setdefault(kind, []).append((name(record), record["problem"]["precision"], dense))
        if kind.endswith(".npz"):
            captured.setdefault(name(record), []).append(dense)
    for kind, rows in inputs.items():
        print(f"\n## {kind}\n")
        print("| configuration | precision | cosine | relative L1 | RMSE | worst head | worst row |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for label, precision, d in rows:
            print(f"| `{label}` | {precision} | {d['cosine']:.5f} | {d['relativeL1']:.4f} "
                  f"| {d['rmse']:.2e} | {number(known(d['worstHeadCosine']), '.5f')} "
                  f"| {number(known(d['worstRowCosine']), '.5f')} |")
    print("\n## Published, beside the captured layers of this run\n")
    print("| source | table | inputs | configuration | | cosine | relative L1 | RMSE "
          "| cosine here | relative L1 here | RMSE here |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with PUBLISHED.open() as file:
        for row in csv.DictReader(file):
            layers = captured.get(row["case"], [])
            synthetic = row["table"] == "synthetic"
            if synthetic:
                layers = [d for label, _, d in inputs.get("gaussian", []) if label == row["case"]]
            own = {}
            for key, worst in (("cosine", min), ("relativeL1", max), ("rmse", max)):
                values = [layer[key] for layer in layers]
                if values:
                    own[key] = worst(values) if row["statistic"] == "worst" else sum(values) / len(values)
            print(f"| {row['source']} | {row['table']} | {row['inputs']} | {row['configuration']} "
                  f"| {row['statistic']} | {row['cosine']} | {row['relativeL1'] or 'n/a'} "
                  f"| {row['rmse'] or 'n/a'} | {number(own.get('cosine'), '.4f')} "
                  f"| {number(own.get('relativeL1'), '.4f')} | {number(own.get('rmse'), '.2e')} |")


if __name__ == "__main__":
    main()
