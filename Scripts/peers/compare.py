#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times this project's `flash` and the dense attention of CPU libraries on the same shapes."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

# Large temporaries are faulted in anew on every call otherwise: peers would lose for no fault of
# their kernels. Read when the process starts, so the script restarts itself once.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 33),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(1 << 28),
}

SHAPES = [
    # heads, length, head width, causal
    (8, 512, 64, False),
    (8, 1024, 64, False),
    (8, 4096, 64, False),
    (8, 4096, 128, False),
    (8, 1024, 64, True),
    (8, 4096, 64, True),
    (8, 4096, 128, True),
]


def restart_with_malloc_settings(threads):
    wanted = dict(MALLOC, OMP_NUM_THREADS=str(threads))
    if all(os.environ.get(name) == value for name, value in wanted.items()):
        return
    os.environ.update(wanted)
    os.execv(sys.executable, [sys.executable] + sys.argv)


def median_time(call, seconds):
    """The median time of a call in seconds, over at least 7 calls."""
    call()
    samples = []
    start = time.perf_counter()
    while len(samples) < 7 or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        call()
        samples.append(time.perf_counter() - begin)
    return statistics.median(samples)


def onnx_runtime(heads, length, width, causal, threads):
    import numpy as np
    import onnxruntime as ort
    from onnx import TensorProto, helper

    extents = [1, length, heads * width]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, extents) for n in "qkv"]
    output = helper.make_tensor_value_info("o", TensorProto.FLOAT, extents)
    node = helper.make_node(
        "MultiHeadAttention", list("qkv"), ["o"], domain="com.microsoft", num_heads=heads,
        unidirectional=int(causal))
    model = helper.make_model(
        helper.make_graph([node], "attention", inputs, [output]),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
        ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    feeds = {n: rng.standard_normal(extents, dtype=np.float32) for n in "qkv"}
    return lambda: session.run(None, feeds)


def openvino(heads, length, width, causal, threads):
    import numpy as np
    import openvino as ov
    from openvino import opset13

    extents = [1, heads, length, width]
    parameters = [opset13.parameter(extents, np.float32, name=n) for n in "qkv"]
    node = opset13.scaled_dot_product_attention(*parameters, causal=causal)
    compiled = ov.Core().compile_model(
        ov.Model([node], parameters, "attention"), "CPU",
        {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
         "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    rng = np.random.default_rng(0)
    for index in range(3):
        request.set_input_tensor(
            index, ov.Tensor(rng.standard_normal(extents, dtype=np.float32)))
    return request.infer


def pytorch(heads, length, width, causal, threads):
    import torch

    torch.set_num_threads(threads)
    tensors = [torch.randn(1, heads, length, width) for _ in range(3)]

    def call():
        with torch.inference_mode():
            torch.nn.functional.scaled_dot_product_attention(*tensors, is_causal=causal)

    return call


PEERS = {"ONNX Runtime": onnx_runtime, "OpenVINO": openvino, "PyTorch": pytorch}


def ours(binary, shape, threads, folder):
    """Median time of our kernel in seconds, and the multiply-add peak next to it in FLOP/s."""
    heads, length, width, causal = shape
    suite = folder / "peers.yaml"
    suite.write_text(
        "suite: peers\nmachines: [host]\n"
        "timing: { target: 1 %, minimumRounds: 7, timePerCase: 2 s }\n"
        f"cases:\n  - shapes: {{ heads: {heads}, length: {length}, headDim: {width}, "
        f"causal: {str(causal).lower()} }}\n    mechanisms: flash\n")
    name = f"run-{time.monotonic_ns()}"
    command = [binary, "run", suite, "--output", folder, "--name", name, "--threads", str(threads)]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        said = "\n".join(run.stdout.splitlines()[-12:])
        sys.exit(f"attnbench run ended with {run.returncode}:\n{said}")
    record = json.loads((folder / name / "journal.jsonl").read_text().splitlines()[0])
    timing = record["timing"]
    own = next(a for a in timing["alternatives"] if a["role"] == "mechanism")
    return own["medianNanoseconds"] * 1e-9, timing["adjacentPeakGigaflopsPerSecond"] * 1e9


def operations(shape):
    heads, length, width, causal = shape
    pairs = length * (length + 1) // 2 if causal else length * length
    return 4 * heads * pairs * width


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    root = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--attnbench", default=root / ".build/release/attnbench")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="time per peer and shape")
    options = parser.parse_args()
    restart_with_malloc_settings(options.threads)
    print(f"{'shape':<26}{'kernel':<16}{'ms':>9}{'% of peak':>11}{'time / ours':>13}")
    with tempfile.TemporaryDirectory() as name:
        for shape in SHAPES:
            heads, length, width, causal = shape
            label = f"{heads}x{length}x{width}" + (" causal" if causal else "")
            before, peak_before = ours(options.attnbench, shape, options.threads, pathlib.Path(name))
            rows = []
            for peer, make in PEERS.items():
                try:
                    call = make(heads, length, width, causal, options.threads)
                    rows.append((peer, median_time(call, options.seconds)))
                except ImportError:
                    continue
            after, peak_after = ours(options.attnbench, shape, options.threads, pathlib.Path(name))
            own, peak = (before + after) / 2, (peak_before + peak_after) / 2
            for kernel, seconds in [("attnbench flash", own)] + rows:
                share = operations(shape) / seconds / peak * 100
                print(f"{label:<26}{kernel:<16}{seconds * 1e3:>9.2f}{share:>11.1f}"
                      f"{seconds / own:>13.2f}", flush=True)


if __name__ == "__main__":
    main()
