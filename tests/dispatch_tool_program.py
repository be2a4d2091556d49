"""LiteRT's CompiledModel API with Intel's compiler and dispatch, in the place of a phone's tool.

It takes the options of `benchmark_litert_model` that edgebench gives, and prints its lines. What
LiteRT, the compiler and the dispatch library print is their own. OpenVINO computes on this
machine's CPU, because there is no NPU: nothing here is a measurement of one.

WITH_CPU in the environment adds the CPU to the accelerators, as apps do.
"""

import os
import sys
import time

from ai_edge_litert import environment, intel_openvino_options, options
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator

FLAGS = (
    *("graph", "num_threads", "warmup_runs", "warmup_min_secs", "num_runs", "min_secs", "max_secs"),
    *("use_cpu", "use_gpu", "use_npu", "require_full_delegation", "dispatch_library_path"),
    *("compiler_plugin_library_path", "compiler_cache_path"),
)


def fail(text):
    sys.exit(f"ERROR: {text}")


def timed(run, count):
    times = []
    for _ in range(count):
        start = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - start) // 1000)
    level, mean = sorted(times)[len(times) // 2], sum(times) / len(times)
    print(f"INFO: count={len(times)} first={times[0]} curr={times[-1]} min={min(times)} "
          f"max={max(times)} avg={mean:g} std=0 median={level}", flush=True)  # fmt: skip
    return times


def main():
    if "--help" in sys.argv:
        fail("usage:\n" + "".join(f"\t--{name}=\tstring\toptional\n" for name in FLAGS))
    given = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
    if given["use_npu"] != "true" or given["use_cpu"] != "false":
        fail("not the NPU alone")
    accelerators = HardwareAccelerator.NPU
    if "WITH_CPU" in os.environ:
        accelerators |= HardwareAccelerator.CPU
    begin = time.perf_counter_ns()
    try:
        model = CompiledModel.from_file(
            given["graph"],
            environment=environment.Environment.create(
                options=environment.EnvironmentOptions(
                    compiler_plugin_path=given["compiler_plugin_library_path"],
                    dispatch_library_path=given["dispatch_library_path"],
                )
            ),
            options=options.Options(
                hardware_accelerators=accelerators,
                cpu_options=options.CpuOptions(num_threads=int(given["num_threads"])),
                intel_openvino_options=intel_openvino_options.IntelOpenVinoOptions(
                    graph_backend=intel_openvino_options.IntelOpenVinoGraphBackend.CPU
                ),
            ),
        )
    except RuntimeError as error:
        fail(error)
    init_ms = (time.perf_counter_ns() - begin) / 1e6
    print(f"INFO: fully accelerated: {model.is_fully_accelerated()}", flush=True)
    (signature, *_) = model.get_signature_list()
    takes = {
        name: model.create_input_buffer_by_name(signature, name)
        for name in model.get_input_tensor_details(signature)
    }
    makes = {
        name: model.create_output_buffer_by_name(signature, name)
        for name in model.get_output_tensor_details(signature)
    }

    def run():
        model.run_by_name(signature, takes, makes)

    warm = timed(run, int(given["warmup_runs"]))
    times = timed(run, int(given["num_runs"]))
    print(f"INFO: Model initialization: {init_ms:.2f} ms")
    print(f"INFO: Warmup (first):       {warm[0] / 1000:.2f} ms")
    print(f"INFO: Inference (avg):      {sum(times) / len(times) / 1000:.2f} ms")
    print("INFO: Overall footprint:    7.25 MB")


if __name__ == "__main__":
    main()
