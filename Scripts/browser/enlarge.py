# SPDX-License-Identifier: MIT
"""Writes a run of many records, made from stored ones, with names that try to break out of a page.

Usage: enlarge.py FOLDER ROWS RUN...
"""

import json
import pathlib
import shutil
import sys

HOSTILE = [
    "</script><img src=x onerror='window.broken=1'>",
    "{{style}}{{{script}}}<b>&amp;",
    "\u2028</style></svg>'\"><script>window.broken=1</script>",
]


def main(folder, rows, runs):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(pathlib.Path(runs[0]) / "run.json", folder / "run.json")
    records = []
    for run in runs:
        with open(pathlib.Path(run) / "journal.jsonl", encoding="utf-8") as journal:
            records += [json.loads(line) for line in journal if line.strip()]
    with open(folder / "journal.jsonl", "w", encoding="utf-8") as journal:
        for index in range(rows):
            record = json.loads(json.dumps(records[index % len(records)]))
            record["caseID"] += f"/copy{index}"
            if index % 50 == 7:
                name = HOSTILE[index // 50 % len(HOSTILE)]
                record["caseID"] += name
                record["problem"]["input"]["kind"] = name
                record["mechanism"]["given"] = {name: name}
            if index % 97 == 11:
                record["status"] = {"state": "skipped", "reason": "it does not fit"}
            journal.write(json.dumps(record) + "\n")


main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
