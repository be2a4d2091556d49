"""A stand-in for LiteRT's `benchmark_model`, of which no program for this machine can be had.

It takes the same options, really runs the model with LiteRT's Python package, and prints in the
forms of the real one (after the sources in google-ai-edge/LiteRT, tflite/tools/benchmark). A GPU it
only claims to have. `litert_tool.write` makes a program of it, and says what MODE holds.
"""

import ctypes
import os
import statistics
import sys
import time

MODE: dict = {}

FLAGS = {
    "graph": "", "num_threads": "-1", "use_xnnpack": "false", "warmup_runs": "1",
    "warmup_min_secs": "0.5", "num_runs": "50", "min_secs": "1", "max_secs": "150",
    "enable_op_profiling": "false", "input_layer": "", "input_layer_shape": "",
    "input_layer_value_files": "", "output_filepath": "", "use_gpu": "false",
    "use_nnapi": "false", "external_delegate_path": "", "external_delegate_options": "",
    "export_model_runtime_info": "false", "model_runtime_info_output_file": "",
}  # fmt: skip


COMPILED_FLAGS = {
    "graph": "", "num_threads": "-1", "warmup_runs": "1", "warmup_min_secs": "0.5",
    "num_runs": "50", "min_secs": "1", "max_secs": "150", "signature_to_run_for": "",
    "use_cpu": "true", "use_gpu": "false", "use_npu": "false", "dispatch_library_path": "",
    "compiler_plugin_library_path": "", "compiler_cache_path": "",
    "require_full_delegation": "false", "result_file_path": "",
    "model_runtime_info_output_file": "",
}  # fmt: skip
"""Those of the tool of the CompiledModel API (litert/tools/benchmark_litert_model.h)."""


def compiled():
    return MODE["form"] == "compiled"


def say(text):
    new = MODE["form"] in ("new", "compiled")
    print(("INFO: " if new else "") + text, flush=True)


def fail(text):
    print("ERROR: " + text, file=sys.stderr, flush=True)
    sys.exit(1)


def known():
    names = dict(COMPILED_FLAGS if compiled() else FLAGS)
    if not MODE["info"]:
        for name in ("export_model_runtime_info", "model_runtime_info_output_file"):
            names.pop(name, None)
    if compiled():
        return names
    if MODE["gpu"] == "none":
        del names["use_gpu"]
    if MODE["form"] == "old":
        del names["output_filepath"]
    if MODE["qnn"] == "none":
        del names["external_delegate_path"], names["external_delegate_options"]
    return names


def options():
    values = {**FLAGS, **known()}
    for word in sys.argv[1:]:
        name, _, value = word.removeprefix("--").partition("=")
        if name == "help":
            usage = "".join(f"\t--{one}={known()[one]}\tstring\toptional\n" for one in known())
            fail("usage: benchmark_model <flags>\nFlags:\n" + usage)
        if name in known():
            values[name] = value
        else:
            print("WARN: Unconsumed cmdline flags: " + word)
    return values


def misbehave():
    path = MODE["count"]
    count = os.path.getsize(path) if os.path.exists(path) else 0
    with open(path, "a") as file:
        file.write(".")
    if not MODE["fail"] or count < MODE["fail_after"]:
        return
    if MODE["fail"] == "garbage":
        print("\x00\xff count=many avg=fast")
        sys.exit(0)
    if MODE["fail"] in ("crash", "killed"):
        os.kill(os.getpid(), 11 if MODE["fail"] == "crash" else 9)
    if MODE["fail"] == "hang":
        time.sleep(600)


def stats(times):
    if len(times) < 2 or len(set(times)) == 1:
        text = f"count={len(times)} curr={times[-1] if times else 0}"
        text += "(all same)" if len(times) > 1 else ""
    else:
        spread = statistics.pstdev(times)
        text = (
            f"count={len(times)} first={times[0]} curr={times[-1]} min={min(times)} "
            f"max={max(times)} avg={statistics.mean(times):g} std={spread:.0f}"
        )
    if MODE["form"] != "old" and times:
        ranked = sorted(times)
        for name, share in (("p5", 5), ("median", 50), ("p95", 95)):
            text += f" {name}={ranked[len(ranked) * share // 100]}"
    return text


def loop(invoke, runs, min_s, max_s):
    say(
        f"Running benchmark for at least {runs} iterations and at least {min_s:g} seconds but"
        f" terminate if exceeding {max_s:g} seconds."
    )
    times, begin = [], time.perf_counter()
    while len(times) < runs or time.perf_counter() - begin < min_s:
        start = time.perf_counter_ns()
        invoke()
        times.append((time.perf_counter_ns() - start) // 1000)
    say(stats(times) + "\n")
    return times


def delegates(given, interpreter):
    """How many kernels are said to run, and the names of the operations that are left."""
    names = [one["op_name"] for one in interpreter._get_ops_details()]
    if given["use_gpu"] == "true" and "use_gpu" in known():
        if MODE["gpu"] == "refused":
            fail("Failed to apply GPU delegate.\nERROR: Benchmarking failed.")
        return {"whole": ("GPU", 1, []), "partial": ("GPU", 2, ["MEAN", "SOFTMAX"]),
                "unused": ("GPU", 0, names)}[MODE["gpu"]]  # fmt: skip
    if given["external_delegate_path"]:
        load_libraries(given)
        return {"whole": ("EXTERNAL", 1, []), "partial": ("EXTERNAL", 2, ["MEAN", "SOFTMAX"]),
                "unused": ("EXTERNAL", 0, names)}[MODE["qnn"]]  # fmt: skip
    if given["use_xnnpack"] == "true":
        return "XNNPACK", names.count("DELEGATE"), []
    return None


def replaced(taken, nodes, name):
    print(f"INFO: Replacing {taken} out of {nodes} node(s) with delegate ({name}) node, "
          "yielding 1 partitions for subgraph 0.")  # fmt: skip


def compile_model(given, interpreter):
    """Say what LiteRT says when it compiles, and take as long for it only once."""
    names = [
        one["op_name"] for one in interpreter._get_ops_details() if one["op_name"] != "DELEGATE"
    ]
    if given["use_npu"] != "true":
        name = "TfLiteXNNPackDelegate" if given["use_cpu"] == "true" else "LiteRtGpuDelegate"
        replaced(len(names), len(names), name)
        return name
    if given["use_cpu"] == "true" or given["require_full_delegation"] != "true":
        fail("the CPU is among the accelerators")
    for option in ("dispatch_library_path", "compiler_plugin_library_path"):
        folder, kind = given[option], {"d": "Dispatch", "c": "CompilerPlugin"}[option[0]]
        (library,) = [one for one in os.listdir(folder) if one.startswith(f"libLiteRt{kind}_")]
        ctypes.CDLL(os.path.join(folder, library))
    if MODE["npu"] == "refused":
        say("[compiled_model.cc:1324] 0 compiler plugins were applied successfully: ")
        fail("[compiled_model.cc:1092] Some ops are not accelerated. Add kLiteRtHwAcceleratorCpu "
             "to the compilation accelerator set to allow using the CPU to run those.")  # fmt: skip
    if MODE["npu"] == "silent":
        say("[compiled_model.cc:1324] 0 compiler plugins were applied successfully: ")
        replaced(len(names), len(names), "TfLiteXNNPackDelegate")
        return "TfLiteXNNPackDelegate"
    if MODE["npu"] == "quiet":
        return "DispatchDelegate"
    kept = os.path.join(given["compiler_cache_path"], os.path.basename(given["graph"]))
    if not os.path.exists(kept):
        say(f"[compiler_plugin.cc:742] Partitioned subgraph<0>, selected {len(names)} ops, from a "
            f"total of {len(names)} ops. resulted in 1 partitions.")  # fmt: skip
        time.sleep(0.3)
        open(kept, "w").close()
    say("[compiled_model.cc:1324] 1 compiler plugins were applied successfully: Qualcomm")
    replaced(1, 1, "DispatchDelegate")
    return "DispatchDelegate"


def write_info(path, interpreter, applied):
    """Write the file about the graph, with LiteRT's own schema.

    XNNPACK's nodes are those that LiteRT made. Those of a delegate that this program only claims
    are all but the operations it leaves, one kernel after the other.
    """
    from ai_edge_litert import model_runtime_info_pb2

    ops = interpreter._get_ops_details()
    own = [one for one in ops if one["op_name"] != "DELEGATE"]
    made = {int(tensor): one for one in own for tensor in one["outputs"]}
    kernels, taken_by = {}, {}
    for one in ops:
        if one["op_name"] != "DELEGATE":
            continue
        kernels[one["index"]] = "TfLiteXNNPackDelegate"
        ends, wanted = {int(tensor) for tensor in one["inputs"]}, list(map(int, one["outputs"]))
        while wanted:
            tensor = wanted.pop()
            node = made.get(tensor)
            if node is not None and tensor not in ends and node["index"] not in taken_by:
                taken_by[node["index"]] = one["index"]
                wanted += map(int, node["inputs"])
    if applied and not compiled() and applied[0] != "XNNPACK":
        name, count, left = applied
        kernels = {len(own) + number: TYPES[name] for number in range(count)}
        free = [one["index"] for one in own if one["op_name"] not in left] if count else []
        taken_by = {index: len(own) + place % count for place, index in enumerate(free)}
    if compiled():
        kernels, taken_by = {len(own): applied}, {one["index"]: len(own) for one in own}
        if applied == "DispatchDelegate":  # The compiler made one operator of the graph before.
            own = [{"index": 0, "op_name": "DISPATCH_OP", "inputs": [], "outputs": []}]
            kernels, taken_by = {1: applied}, {0: 1}
    details = model_runtime_info_pb2.ModelRuntimeDetails()
    graph = details.subgraphs.add(subgraph_id=0, name="main", subgraph_type=1)
    for one in own:
        node = graph.nodes.add(id=one["index"], name=one["op_name"], type="0")
        node.inputs.extend(map(int, one["inputs"]))
        node.outputs.extend(map(int, one["outputs"]))
        if one["index"] in taken_by:
            node.delegated_to_node_id = taken_by[one["index"]]
        else:
            graph.execution_plan.append(one["index"])
    for index, name in kernels.items():
        node = graph.nodes.add(id=index, name=name, type=name)
        node.delegate_node_details.delegate_name = name
        replaced = [one for one, by in taken_by.items() if by == index]
        node.delegate_node_details.tflite_node_ids_replaced.extend(replaced)
        graph.execution_plan.append(index)
    with open(path, "wb") as file:
        file.write(details.SerializeToString())


def load_libraries(given):
    """Load what the real delegate loads, by this machine's own loader, or fail as it fails."""
    wanted = dict(one.split(":", 1) for one in given["external_delegate_options"].split(";"))
    folder = wanted["skel_library_dir"]
    for variable in ("LD_LIBRARY_PATH", "ADSP_LIBRARY_PATH"):
        if folder not in os.environ.get(variable, "").split(":"):
            fail(f"{variable} lacks {folder}")
    if wanted["backend_type"] != "htp":
        fail("no backend_type")
    for path in (given["external_delegate_path"], wanted["library_path"]):
        try:
            ctypes.CDLL(path)
        except OSError as error:
            fail(f"Failed to apply EXTERNAL delegate: {error}")
    if not any(name.endswith("Skel.so") for name in os.listdir(folder)):
        fail("Failed to apply EXTERNAL delegate: no Skel")


TYPES = {
    "EXTERNAL": "TfLiteQnnDelegate",
    "GPU": "TfLiteGpuDelegateV2",
    "XNNPACK": "TfLiteXNNPackDelegate",
}


def profile(average_us, applied):
    name, kernels, left = applied or ("", 0, ["CONV_2D"])
    rows = [TYPES[name]] * kernels + left
    print("Operator-wise Profiling Info for Regular Benchmark Runs:")
    print("============================== Run Order ==============================")
    head = ("[node type]", "[first]", "[avg ms]", "[%]", "[cdf%]", "[mem KB]", "[times called]")
    print("\t".join(head) + "\t[Name]")
    share = 100 / len(rows)
    for number, name in enumerate(rows):
        ms = average_us / 1000 / len(rows)
        print(f"\t{name}\t{ms:.3f}\t{ms:.3f}\t{share:.3f}%\t{share * (number + 1):.3f}%\t0.000\t1"
              f"\t[layer/{number}]:{number}")  # fmt: skip
    print("\nNumber of nodes executed:", len(rows))
    print(f"Timings (microseconds): count=40 first=1 curr=1 min=1 max=1 avg={average_us:g} std=0")


def main():
    given = options()
    misbehave()
    if MODE["form"] == "old":
        print("STARTING!")
    begin = time.perf_counter_ns()
    import numpy
    from ai_edge_litert import interpreter as litert

    begin = time.perf_counter_ns()
    kinds = litert.OpResolverType
    plain = given["use_xnnpack"] == "false"
    try:
        interpreter = litert.Interpreter(
            given["graph"],
            num_threads=max(int(given["num_threads"]), 1),
            experimental_op_resolver_type=(
                kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if plain else kinds.AUTO
            ),
        )
        interpreter.allocate_tensors()
    except Exception as error:
        fail(f"Failed to load model {given['graph']}\nERROR: {str(error).splitlines()[0]}")
    say("Loaded model " + given["graph"])
    applied = None if compiled() else delegates(given, interpreter)
    if compiled():
        applied = compile_model(given, interpreter)
    elif applied:
        name, kernels, left = applied
        whole = kernels == 1 and not left
        if kernels:
            how = "completely" if whole else "partially"
            more = "." if whole else f" w/ {kernels} delegate kernels."
            say(
                f"Explicitly applied {name} delegate, and the model graph will be {how} executed "
                f"by the delegate{more}"
            )
        else:
            say(f"Though {name} delegate is explicitly applied, the model graph will not be "
                "executed by the delegate.")  # fmt: skip
    init_us = (time.perf_counter_ns() - begin) // 1000
    if given["model_runtime_info_output_file"]:
        write_info(given["model_runtime_info_output_file"], interpreter, applied)
    if not compiled():
        say(f"Initialized session in {init_us / 1e3:g}ms.")
    random = numpy.random.default_rng()
    files = dict(one.split(":") for one in given["input_layer_value_files"].split(",") if one)
    detail = interpreter.get_input_details()[0]
    if files:
        values = numpy.fromfile(files[given["input_layer"]], detail["dtype"])
        shape = [int(one) for one in given["input_layer_shape"].split(",")]
        if list(detail["shape"]) != shape:
            fail("Input tensor #0 should have other dimensions!")
        values = values.reshape(detail["shape"])
    else:
        values = random.uniform(-1, 1, detail["shape"]).astype(detail["dtype"])
    interpreter.set_tensor(detail["index"], values)
    most = float(given["max_secs"])
    invoke, at_least = interpreter.invoke, float(given["warmup_min_secs"])
    warm = loop(invoke, int(given["warmup_runs"]), at_least, most)
    timed = loop(invoke, int(given["num_runs"]), float(given["min_secs"]), most)
    first = warm[0] if warm else 0
    if compiled():
        say("[benchmark_litert_model.h:86] \n========== BENCHMARK RESULTS ==========")
        say(f"[benchmark_litert_model.h:91] Model initialization: {init_us / 1000:.2f} ms")
        say(f"[benchmark_litert_model.h:93] Warmup (first):       {first / 1000:.2f} ms")
        say(f"[benchmark_litert_model.h:97] Inference (avg):      "
            f"{statistics.mean(timed) / 1000:.2f} ms ({len(timed)} runs)")  # fmt: skip
        say("[benchmark_litert_model.h:123] Overall footprint:    7.25 MB")
        return
    say(f"Inference timings in us: Init: {init_us}, First inference: {first}, "
        f"Warmup (avg): {statistics.mean(warm or [0]):g}, "
        f"Inference (avg): {statistics.mean(timed):g}")  # fmt: skip
    say("Memory footprint delta from the start of the tool (MB): init=6.5 overall=7.25")
    if given["output_filepath"]:
        with open(given["output_filepath"], "wb") as file:
            for one in interpreter.get_output_details():
                values = interpreter.get_tensor(one["index"])
                file.write((values * numpy.nan if MODE["fail"] == "nan" else values).tobytes())
    if given["enable_op_profiling"] == "true":
        profile(statistics.mean(timed), applied)


if __name__ == "__main__":
    main()
