"""The on-device runner: carries out a plan and writes the result. One file, nothing of ours.

    python runner.py plan.json result.json

It needs Python 3.8 or newer, NumPy (1 or 2), and one TFLite runtime: ai-edge-litert,
tflite-runtime or tensorflow. The plan's files lie in the folder `files` beside it; outputs of the
evaluation inputs go to the folder `outputs` beside the result.

The parent process only schedules and writes. All that touches a model happens in fresh children:
one to say what the runtime is, one per artifact to load it and run its evaluation inputs, then
the measuring processes, each of which walks its share of the blocks. The result is replaced whole
after every block, so that an interruption loses one block at most; the same command goes on where
it stopped. Progress goes to stdout as JSON lines.

Exit codes: 0 done, 1 nothing could be measured (the last line on stderr says why), 130 interrupted.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import hashlib
import importlib
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from typing import IO, Any, Callable, Dict, Iterator, Sequence  # noqa: UP035

# Unlike an annotation this is evaluated, and Python 3.8 has no dict[str, Any].
Json = Dict[str, Any]  # noqa: UP006

PLAN_SCHEMA = "edgebench.plan/1"
RESULT_SCHEMA = "edgebench.result/1"

# In order of preference: the maintained package, its predecessor that boards still carry, and
# the framework that has it inside. (Module, distribution.)
RUNTIMES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite-runtime"),
    ("tensorflow.lite.python.interpreter", "tensorflow"),
)


class RunnerError(Exception):
    """One sentence for the person who started the run."""


# --- The parent: schedule, write, resume ------------------------------------------------------


class Result:
    """The result file: read back if it is there, replaced whole at every change."""

    def __init__(self, path: str, plan_sha256: str) -> None:
        self.path = path
        self.body: Json = {
            "schema": RESULT_SCHEMA,
            "plan_sha256": plan_sha256,
            "started": now(),
            "updated": now(),
            "complete": False,
            "context": None,
            "evaluations": {},
            "blocks": [],
        }
        if os.path.exists(path):
            self.body = self._read(plan_sha256)

    def _read(self, plan_sha256: str) -> Json:
        try:
            with open(self.path, encoding="utf-8") as file:
                body: Json = json.load(file)
        except ValueError:
            raise RunnerError(f"{self.path} is not JSON; move it away to start afresh") from None
        if body.get("schema") != RESULT_SCHEMA:
            raise RunnerError(f"{self.path} is not a {RESULT_SCHEMA} file; move it away")
        if body["plan_sha256"] != plan_sha256:
            raise RunnerError(f"{self.path} belongs to another plan; give a new result file")
        return body

    def write(self) -> None:
        self.body["updated"] = now()
        temporary = self.path + ".part"
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(self.body, file, allow_nan=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise RunnerError(f"cannot write {self.path}: {error.strerror}") from None

    def add_block(self, block: Json) -> None:
        kept = [old for old in self.body["blocks"] if old["index"] != block["index"]]
        self.body["blocks"] = sorted([*kept, block], key=lambda one: int(one["index"]))
        self.write()


class Run:
    """One call of the runner: the plan, what is done already, and the child at work."""

    def __init__(self, plan_path: str, result_path: str) -> None:
        with open(plan_path, "rb") as file:
            content = file.read()
        self.plan: Json = json.loads(content)
        if self.plan.get("schema") != PLAN_SCHEMA:
            raise RunnerError(f"{plan_path} is not a {PLAN_SCHEMA} file")
        self.plan_path = plan_path
        self.result = Result(result_path, hashlib.sha256(content).hexdigest())
        self.outputs = os.path.join(os.path.dirname(os.path.abspath(result_path)), "outputs")

    def go(self) -> None:
        context = self._only_answer({"kind": "context"})
        if context.get("error"):
            raise RunnerError(context["error"])
        self.result.body["context"] = context
        self.result.write()
        self._evaluate()
        self._measure()
        evaluations, blocks = self.result.body["evaluations"], self.result.body["blocks"]
        if all(one["error"] for one in evaluations.values()):
            raise RunnerError(
                "no artifact could be run: " + next(iter(evaluations.values()))["error"]
            )
        self.result.body["complete"] = len(blocks) == len(self.plan["blocks"]) and not any(
            one["error"] for one in [*blocks, *evaluations.values()]
        )
        self.result.write()

    def _evaluate(self) -> None:
        done = self.result.body["evaluations"]
        for number, slot in enumerate(self.plan["artifacts"]):
            if slot not in done or done[slot]["error"]:
                done[slot] = self._only_answer(
                    {"kind": "evaluate", "slot": slot, "outputs": self.outputs}
                )
                if done[slot]["error"]:
                    say(f"{slot}: {done[slot]['error']}")
                self.result.write()
            event("evaluate", done=number + 1, total=len(self.plan["artifacts"]))

    def _measure(self) -> None:
        total = len(self.plan["blocks"])
        done = {one["index"] for one in self.result.body["blocks"] if not one["error"]}
        for process in range(self.plan["processes"]):
            todo = []
            for block in self.plan["blocks"]:
                if block["process"] == process and block["index"] not in done:
                    order, error = self._measurable(block)
                    if error:
                        self.result.add_block(failed_block(block, error))
                    else:
                        todo.append({**block, "order": order})
            for block in self._blocks_of(todo):
                self.result.add_block(block)
                event("block", done=len(self.result.body["blocks"]), total=total)
                if block["error"]:
                    say(f"block {block['index']}: {block['error']}")

    def _measurable(self, block: Json) -> tuple[list[str], str | None]:
        """The block's order without the slots that failed, or why nothing is left to compare."""
        failed = {s for s, one in self.result.body["evaluations"].items() if one["error"]}
        baseline = next(g["baseline"] for g in self.plan["groups"] if g["name"] == block["group"])
        order = [slot for slot in block["order"] if slot not in failed]
        if baseline in failed:
            return [], f"the baseline {baseline} does not run"
        if set(order) == {baseline}:
            return [], f"nothing that runs is left to compare with {baseline}"
        return order, None

    def _blocks_of(self, todo: list[Json]) -> Iterator[Json]:
        """Measure blocks in one fresh process; one that dies fails the block it was at."""
        remaining = list(todo)
        if not remaining:
            return
        for answer in self._answers({"kind": "measure", "blocks": todo}):
            if "died" in answer:
                yield failed_block(remaining[0], answer["died"])
            else:
                remaining.pop(0)
                yield answer

    def _only_answer(self, job: Json) -> Json:
        for answer in self._answers(job):
            return {"error": answer["died"]} if "died" in answer else answer
        raise RunnerError(f"the {job['kind']} process gave no answer")

    def _answers(self, job: Json) -> Iterator[Json]:
        """Run a job in a fresh child. It waits after each answer until we have dealt with it.

        Otherwise writing the result would compete with the next block for the processor.
        """
        with tempfile.TemporaryFile() as log:
            child = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), "--child", self.plan_path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            assert child.stdin is not None and child.stdout is not None
            try:
                child.stdin.write(json.dumps(job).encode() + b"\n")
                child.stdin.flush()
                for line in child.stdout:
                    yield json.loads(line)
                    child.stdin.write(b"\n")
                    child.stdin.flush()
            except BrokenPipeError:
                pass  # It died; its exit status says of what.
            finally:
                if sys.exc_info()[0] is not None:
                    child.kill()
                child.stdout.close()
                status = child.wait()
            if status != 0:
                yield {"died": reason_of_death(status, log)}


def failed_block(block: Json, error: str) -> Json:
    kept = {name: block[name] for name in ("index", "process", "group")}
    return {**kept, "error": error, "before": None, "after": None, "visits": []}


def reason_of_death(status: int, log: IO[bytes]) -> str:
    if status < 0:
        return f"the runtime crashed ({signal.Signals(-status).name})"
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return f"the process failed: {lines[-1] if lines else f'status {status}'}"


def event(name: str, done: int, total: int) -> None:
    print(json.dumps({"event": name, "done": done, "total": total}), flush=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


# --- The child: load, evaluate, measure -------------------------------------------------------


class TFLite:
    """A .tflite file in whichever TFLite runtime is there."""

    def __init__(self, path: str, plan: Json) -> None:
        import numpy

        self.np = numpy
        module, _ = tflite_runtime()
        resolvers = module.OpResolverType
        resolver = {
            "xnnpack": resolvers.AUTO,
            "none": resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        }[plan["delegate"]]
        self.interpreter = module.Interpreter(
            model_path=path,
            num_threads=plan["threads"],
            experimental_op_resolver_type=resolver,
        )
        self.interpreter.allocate_tensors()
        self.invoke = self.interpreter.invoke
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    def feed(self, detail: Json, values: Any) -> None:
        """Set one input from real values, quantised as the file asks for."""
        np, dtype = self.np, self.np.dtype(detail["dtype"])
        scale, zero_point = detail["quantization"]
        if dtype.kind in "iu" and scale:
            limits = np.iinfo(dtype)
            values = np.clip(np.round(values / scale + zero_point), limits.min, limits.max)
        self.interpreter.set_tensor(detail["index"], values.astype(dtype))

    def fill(self, image: Any | None) -> None:
        """Set every input: an image where there is one, else seeded noise in -1..1."""
        noise = self.np.random.RandomState(0)
        for detail in self.inputs:
            values = noise.uniform(-1, 1, tuple(detail["shape"]))
            self.feed(detail, values if image is None else image)

    def output(self) -> Any:
        """The first output, as real values."""
        detail = self.outputs[0]
        values = self.interpreter.get_tensor(detail["index"])
        scale, zero_point = detail["quantization"]
        if values.dtype.kind in "iu" and scale:
            values = (values.astype("float64") - zero_point) * scale
        return values.astype("float32")

    def delegation(self) -> Json:
        """How many nodes the delegate made of the graph, and which operations it left over.

        The runtime lists the original operations and then the delegate's nodes; walking back from
        the outputs, and preferring a delegate's node, meets just those that are executed.
        """
        try:
            ops = self.interpreter._get_ops_details()
        except AttributeError:
            return {"partitions": None, "leftover_ops": None}
        maker = {}
        for op in ops:  # Delegate nodes come last and so take the place of what they replaced.
            maker.update({int(tensor): op for tensor in op["outputs"]})
        executed: dict[int, Json] = {}
        wanted = [int(detail["index"]) for detail in self.outputs]
        while wanted:
            op = maker.get(wanted.pop())
            if op is not None and op["index"] not in executed:
                executed[op["index"]] = op
                wanted.extend(int(tensor) for tensor in op["inputs"])
        names = [executed[index]["op_name"] for index in sorted(executed)]
        left = [name for name in names if name != "DELEGATE"]
        return {"partitions": len(names) - len(left), "leftover_ops": left}


ENGINES = {"tflite": TFLite}


def tflite_runtime() -> tuple[Any, str]:
    """The first runtime that can be imported, and the distribution it came from."""
    reasons = []
    for module, distribution in RUNTIMES:
        try:
            return importlib.import_module(module), distribution
        except Exception as error:  # A wheel for another NumPy fails in ways of its own.
            reasons.append(f"{distribution}: {first_line(error)}")
    raise RunnerError(
        "no TFLite runtime can be imported; pip install ai-edge-litert (" + "; ".join(reasons) + ")"
    )


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class Child:
    """A fresh process that carries out one job and answers in JSON lines."""

    def __init__(self, plan_path: str) -> None:
        die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent decides when to stop.
        # Libraries may print to stdout; keep the channel to ourselves.
        self.channel = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        with open(plan_path, encoding="utf-8") as file:
            self.plan: Json = json.load(file)
        self.files = os.path.join(os.path.dirname(os.path.abspath(plan_path)), "files")

    def go(self) -> None:
        job: Json = json.loads(sys.stdin.readline())
        jobs = {"context": self._context, "evaluate": self._evaluate, "measure": self._measure}
        jobs[job["kind"]](job)

    def _answer(self, body: Json) -> None:
        self.channel.write(json.dumps(body, allow_nan=False) + "\n")
        self.channel.flush()
        if not sys.stdin.readline():
            raise SystemExit(0)  # Nobody listens any more.

    def _pin(self) -> None:
        cores = self.plan["cores"]
        if cores is None:
            return
        if not hasattr(os, "sched_setaffinity"):
            raise RunnerError("this system cannot pin a process to cores; leave out --cores")
        try:
            os.sched_setaffinity(0, cores)
        except OSError:
            raise RunnerError(
                f"cannot run on cores {cores}: this machine has 0 to {(os.cpu_count() or 1) - 1}"
            ) from None

    def _context(self, job: Json) -> None:
        try:
            self._pin()
            import numpy

            _, distribution = tflite_runtime()
        except (RunnerError, ImportError) as error:
            self._answer({"error": first_line(error)})
            return
        from importlib.metadata import version

        self._answer(
            {
                "runtime": distribution,
                "runtime_version": version(distribution),
                "python": platform.python_version(),
                "numpy": numpy.__version__,
                "system": platform.system(),
                "kernel": platform.release(),
                "machine": platform.machine(),
                "cpu_model": cpu_model(),
                "core_count": os.cpu_count() or 1,
                "cores": sorted(os.sched_getaffinity(0)) if can_pin() else None,
                "threads": self.plan["threads"],
                "delegate": self.plan["delegate"],
            }
        )

    def _evaluate(self, job: Json) -> None:
        try:
            self._answer({"error": None, **self._evaluation(job["slot"], job["outputs"])})
        except Exception as error:
            self._answer({"error": first_line(error)})

    def _evaluation(self, slot: str, folder: str) -> Json:
        self._pin()
        planned = self.plan["artifacts"][slot]
        self._checked(planned["file"], planned["sha256"])
        tflite_runtime()
        bare = peak_memory_bytes(restart=True)
        start = time.perf_counter_ns()
        engine = self._engine(planned)
        loaded = time.perf_counter_ns()
        engine.fill(None)
        fed = time.perf_counter_ns()
        engine.invoke()
        first = time.perf_counter_ns()
        engine.invoke()
        peak = peak_memory_bytes()
        outputs = self._outputs(engine, planned, os.path.join(folder, slot + ".npy"))
        return {
            "load_s": (loaded - start) / 1e9,
            "first_inference_s": (first - fed) / 1e9,
            "peak_memory_bytes": None if peak is None or bare is None else peak - bare,
            "outputs": outputs,
            **engine.delegation(),
        }

    def _outputs(self, engine: TFLite, planned: Json, path: str) -> str | None:
        """Run the evaluation inputs and save the outputs as (N, ...) float32 .npy."""
        np = engine.np
        if planned["evaluation"] is None:
            check_finite(np, engine.output())
            return None
        rows = []
        for image in self._images(np, planned["evaluation"]):
            engine.feed(engine.inputs[0], image)
            engine.invoke()
            rows.append(
                np.transpose(engine.output(), np.argsort(planned["evaluation"]["output_axes"]))
            )
        outputs = np.concatenate(rows)
        check_finite(np, outputs)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".part", "wb") as file:
            np.save(file, outputs)
        os.replace(path + ".part", path)
        return "outputs/" + os.path.basename(path)

    def _images(self, np: Any, evaluation: Json) -> Iterator[Any]:
        """The evaluation images, each as the artifact's input in real values."""
        with np.load(self._checked(evaluation["file"], evaluation["sha256"])) as archive:
            images = archive["images"]
        mean, std = (np.array(evaluation[name], "float32") for name in ("mean", "std"))
        for image in images:
            nhwc = (image[np.newaxis].astype("float32") / 255 - mean) / std
            yield nhwc.transpose(0, 3, 1, 2).transpose(evaluation["axes"])

    def _checked(self, name: str, sha256: str) -> str:
        path = os.path.join(self.files, name)
        try:
            with open(path, "rb") as file:
                found = hashlib.sha256(file.read()).hexdigest()
        except OSError as error:
            raise RunnerError(f"cannot read {path}: {error.strerror}") from None
        if found != sha256:
            raise RunnerError(f"{path} has changed since the plan was made")
        return path

    def _engine(self, planned: Json) -> TFLite:
        if planned["format"] not in ENGINES:
            raise RunnerError(f"this runner cannot run {planned['format']} files")
        return ENGINES[planned["format"]](os.path.join(self.files, planned["file"]), self.plan)

    def _measure(self, job: Json) -> None:
        self._pin()
        engines = {}
        for slot in sorted({slot for block in job["blocks"] for slot in block["order"]}):
            planned = self.plan["artifacts"][slot]
            engines[slot] = self._engine(planned)
            np = engines[slot].np
            evaluation = planned["evaluation"]
            engines[slot].fill(next(self._images(np, evaluation)) if evaluation else None)
        for block in job["blocks"]:
            before = readings()
            visits = [self._visit(slot, engines[slot]) for slot in block["order"]]
            after = readings()
            kept = {name: block[name] for name in ("index", "process", "group")}
            self._answer(
                {**kept, "error": None, "before": before, "after": after, "visits": visits}
            )

    def _visit(self, slot: str, engine: TFLite) -> Json:
        started = time.time()
        rule, length = self.plan["warmup"], self.plan["visit"]
        warmup, steady = warm_up(engine.invoke, rule["window"], rule["tolerance"], rule["max_s"])
        samples = timed(engine.invoke, length["min_s"], length["min_inferences"])
        return {
            "slot": slot,
            "unix_s": started,
            "steady": steady,
            "warmup_ns": warmup,
            "samples_ns": samples,
        }


def warm_up(
    invoke: Callable[[], None],
    window: int,
    tolerance: float,
    max_s: float,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> tuple[list[int], bool]:
    """Run windows of inferences until two in a row have nearly the same median."""
    times = timed(invoke, 0, window, clock)
    while sum(times) < max_s * 1e9:
        times += timed(invoke, 0, window, clock)
        before, last = times[-2 * window : -window], times[-window:]
        if abs(statistics.median(last) / statistics.median(before) - 1) <= tolerance:
            return times, True
    return times, False


def timed(
    invoke: Callable[[], None],
    min_s: float,
    min_inferences: int,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> list[int]:
    """The time of each inference, in ns, for a while; the clock is read right around it."""
    samples = []
    end = clock() + int(min_s * 1e9)
    while True:
        start = clock()
        invoke()
        stop = clock()
        samples.append(stop - start)
        if len(samples) >= min_inferences and stop >= end:
            return samples


def check_finite(np: Any, outputs: Any) -> None:
    bad = int(np.size(outputs) - np.isfinite(outputs).sum())
    if bad:
        raise RunnerError(f"{bad} of {np.size(outputs)} outputs are not finite (NaN or infinity)")


# --- What the machine tells about itself ------------------------------------------------------


def read_text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def read_all(pattern: str) -> list[tuple[str, str]]:
    """Path and content of the files that match and can be read, by name."""
    pairs = ((path, read_text(path)) for path in sorted(glob.glob(pattern)))
    return [(path, text) for path, text in pairs if text]


def readings() -> Json:
    """The machine's state now; see `Readings` in deploy/result.py for the units."""
    cpufreq = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/"
    frequencies = {
        path.split("/")[5]: int(text) for path, text in read_all(cpufreq + "scaling_cur_freq")
    }
    governors = [text for _, text in read_all(cpufreq + "scaling_governor")]
    temperatures = {
        os.path.basename(os.path.dirname(path)): int(text) / 1000
        for path, text in read_all("/sys/class/thermal/thermal_zone*/temp")
        if text.lstrip("-").isdigit()
    }
    load = read_text("/proc/loadavg")
    busy, steal = processor_seconds()
    return {
        "unix_s": time.time(),
        "frequencies_khz": frequencies or None,
        "governors": sorted(set(governors)) or None,
        "temperatures_c": temperatures or None,
        "load_1min": float(load.split()[0]) if load else None,
        "busy_s": busy,
        "steal_s": steal,
        "own_s": time.process_time(),
        "core": current_core(),
    }


def processor_seconds() -> tuple[float | None, float | None]:
    """Seconds that all cores were busy, and that the hypervisor stole, since boot (proc(5))."""
    text = read_text("/proc/stat")
    if not text or not text.startswith("cpu "):
        return None, None
    tick = os.sysconf("SC_CLK_TCK")
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, text.split()[1:9])
    return (user + nice + system + irq + softirq) / tick, steal / tick


def peak_memory_bytes(restart: bool = False) -> int | None:
    """The process's peak resident memory, counted anew from here with `restart`.

    VmHWM is this process's own; ru_maxrss would start from the parent's peak.
    """
    if restart:
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        except OSError:
            pass  # Then the peak so far stands, which can only make the model look smaller.
    for line in (read_text("/proc/self/status") or "").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def cpu_model() -> str | None:
    for line in (read_text("/proc/cpuinfo") or "").splitlines():
        if line.lower().startswith(("model name", "hardware")):
            return line.partition(":")[2].strip()
    return read_text("/proc/device-tree/model") or platform.processor() or None


def can_pin() -> bool:
    return hasattr(os, "sched_getaffinity")


def current_core() -> int | None:
    try:
        core = ctypes.CDLL(None).sched_getcpu()
    except (OSError, AttributeError):
        return None
    return core if core >= 0 else None


def die_with_parent() -> None:
    """Ask Linux to end this process with its parent, so that no orphan disturbs the next run."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG.


# --- The command ------------------------------------------------------------------------------


def stop(number: int, frame: Any) -> None:
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)  # Once is enough; a second must not cut the exit short.
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        say("usage: python runner.py plan.json result.json")
        return 2
    if arguments[0] == "--child":
        Child(arguments[1]).go()
        return 0
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        Run(arguments[0], arguments[1]).go()
    except RunnerError as error:
        say(str(error))
        return 1
    except BrokenPipeError:  # Whoever listened to the progress is gone; what is done is written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 130
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
