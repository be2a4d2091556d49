"""Training: it learns, it resumes bit for bit, it shares work, and it fails clearly."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from edgebench import documents
from edgebench.errors import InvalidFileError, UnknownNameError, UnwritableError, UsageError
from edgebench.models import recipe, registry
from edgebench.models import train as training
from edgebench.models.build import build
from edgebench.models.evaluate import interval
from edgebench.models.manifest import Checkpoint
from edgebench.models.train import TrainingDivergedError, TrainResult, train
from edgebench.models.train_config import ADDITIONS, TrainConfig


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(out: Path, **changes: object) -> TrainConfig:
    config = TrainConfig(
        "scenes_v2_ca",
        out,
        epochs=3,
        batch_size=8,
        learning_rate=0.01,
        scenes_per_epoch=32,
        device="cpu",
    )
    return replace(config, **changes)  # type: ignore[arg-type]


class Interrupted(Exception):
    pass


def stop_at(wanted: int):  # type: ignore[no-untyped-def]
    def progress(step: str, done: int, total: int) -> None:
        if step.startswith("train") and done == wanted:
            raise Interrupted

    return progress


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    torch.set_num_threads(1)
    return train(tiny(tmp_path_factory.mktemp("whole")))


@pytest.mark.parametrize("step", [6, 8, 12])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(
    tmp_path: Path, uninterrupted: TrainResult, step: int
) -> None:
    with pytest.raises(Interrupted):
        train(tiny(tmp_path), stop_at(step))
    assert not (tmp_path / "scenes_v2_ca.safetensors").exists()
    resumed = train(tiny(tmp_path, resume=True))
    assert documents.sha256(resumed.weights) == documents.sha256(uninterrupted.weights)
    assert documents.load(resumed.manifest, Checkpoint) == documents.load(
        uninterrupted.manifest, Checkpoint
    )


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    torch.set_num_threads(1)
    return train(tiny(tmp_path_factory.mktemp("one"), epochs=1))


def test_a_finished_training_resumes_to_itself(one_epoch: TrainResult) -> None:
    before = documents.sha256(one_epoch.weights)
    seen: list[str] = []
    again = tiny(one_epoch.weights.parent, epochs=1, resume=True)
    train(again, lambda step, done, total: seen.append(step))
    assert documents.sha256(one_epoch.weights) == before
    assert not any(step.startswith("train") for step in seen)


def test_the_manifest_says_how_the_checkpoint_came_to_be(uninterrupted: TrainResult) -> None:
    record = documents.load(uninterrupted.manifest, Checkpoint)
    assert record.model == "scenes_v2_ca"
    assert record.command.startswith("edgebench train scenes_v2_ca --data scenes --epochs 3")
    assert "--learning-rate 0.01" in record.command
    assert [entry.epoch for entry in record.log] == [1, 2, 3]
    assert record.weights_sha256 == documents.sha256(uninterrupted.weights)
    assert record.accuracy is not None
    assert record.accuracy.count == 2000
    assert record.accuracy.low < record.accuracy.top1 < record.accuracy.high
    rates = [entry.learning_rate for entry in record.log]
    assert rates == sorted(rates, reverse=True)
    built = build(registry.get("scenes_v2_ca"), uninterrupted.weights)
    assert built.trained
    assert built.accuracy == record.accuracy


def test_training_on_a_folder_learns_and_is_tested_on_its_val(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part, count in (("train", 40), ("val", 20)):
        for name, level in (("dark", 60), ("light", 190)):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(rng.normal(level, 40, (32, 32, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{i}.png")
    config = tiny(tmp_path / "out", model="scenes_v2", epochs=6, data=f"imagefolder:{tmp_path}")
    result = train(config)
    assert result.accuracy is not None
    assert result.accuracy.count == 40
    # Chance is 0.5; 0.75 is beyond the 99.8 % interval of guessing at 40 images.
    assert result.accuracy.top1 > 0.75
    log = documents.load(result.manifest, Checkpoint).log
    assert log[-1].loss < log[0].loss


def test_seeds_have_their_own_files_and_weights(one_epoch: TrainResult) -> None:
    before = documents.sha256(one_epoch.weights)
    other = train(tiny(one_epoch.weights.parent, epochs=1, seed=1))
    assert (one_epoch.weights.name, other.weights.name) == (
        "scenes_v2_ca.safetensors",
        "scenes_v2_ca_s1.safetensors",
    )
    assert before == documents.sha256(one_epoch.weights) != documents.sha256(other.weights)


def test_training_goes_on_from_given_weights(tmp_path: Path, uninterrupted: TrainResult) -> None:
    config = tiny(tmp_path, epochs=1, learning_rate=1e-12, init=uninterrupted.weights)
    tuned = train(config)
    before = safetensors.torch.load_file(uninterrupted.weights)
    after = safetensors.torch.load_file(tuned.weights)
    key = "classifier.1.weight"
    assert torch.allclose(before[key], after[key], atol=1e-9)


def test_a_diverging_loss_stops_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(tiny(tmp_path, model="scenes_v2"), stop_at(5))
    state = tmp_path / "scenes_v2.state.pt"
    good = documents.sha256(state)
    contents = torch.load(state, weights_only=True)
    contents["module"]["classifier.1.bias"].fill_(float("nan"))
    torch.save(contents, state)
    broken = documents.sha256(state)
    with pytest.raises(TrainingDivergedError) as raised:
        train(tiny(tmp_path, model="scenes_v2", resume=True))
    assert "nan in epoch 2" in raised.value.message
    assert "state after epoch 1 is kept" in raised.value.remedy
    assert documents.sha256(state) == broken != good
    assert not (tmp_path / "scenes_v2.safetensors").exists()


def test_a_state_of_other_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        train(tiny(tmp_path), stop_at(5))
    with pytest.raises(InvalidFileError, match="comes from another training"):
        train(tiny(tmp_path, resume=True, learning_rate=0.02))


def test_a_corrupt_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scenes_v2_ca.state.pt").write_bytes(b"no state")
    with pytest.raises(InvalidFileError, match="is not a training state"):
        train(tiny(tmp_path, resume=True))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 64}, "less than one batch of 64"),
        ({"learning_rate": 0.0}, "learning rate is 0.0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"data": "cifar"}, "unknown data 'cifar'"),
        ({"data": "imagefolder:"}, "unknown data 'imagefolder:'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"precision": "int8"}, "unknown precision 'int8'"),
        ({"label_smoothing": 1.0}, "label smoothing is 1.0"),
        ({"random_erasing": -0.1}, "random erasing is -0.1"),
        ({"average_decay": 1.0}, "average decay is 1.0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        train(tiny(tmp_path, **changes))


def test_an_unknown_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        train(tiny(tmp_path, model="scenes_v3"))


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnwritableError, match="cannot write"):
        train(tiny(tmp_path / "file" / "out", epochs=1))


TORCHRUN = """
import os
import sys
from pathlib import Path
import torch
from edgebench.models.train import train
from edgebench.models.train_config import TrainConfig
torch.set_num_threads(1)
seen = []
result = train(
    TrainConfig("scenes_v2", Path(sys.argv[1]), epochs=1, batch_size=8, learning_rate=0.01,
                dropout=0.0, scenes_per_epoch=32, random_erasing=0.5, average_decay=0.5,
                device="cpu"),
    lambda step, done, total: seen.append(done),
)
told = f"reported {len(seen) > 0} accuracy {result.accuracy is not None}"
Path(sys.argv[1]).with_name("rank" + os.environ["RANK"]).write_text(told)
"""


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_the_first_reports(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(TORCHRUN)
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "rank0").read_text() == "reported True accuracy True"
    assert (tmp_path / "rank1").read_text() == "reported False accuracy False"
    assert build(registry.get("scenes_v2"), tmp_path / "out" / "scenes_v2.safetensors").trained
    # Batches are shared, so that the loss is near that of one process on the same scenes; how near
    # is a matter of rounding, see below.
    options = {"epochs": 1, "dropout": 0.0, "random_erasing": 0.5, "average_decay": 0.5}
    alone = train(tiny(tmp_path / "alone", model="scenes_v2", **options))
    shared = documents.load(tmp_path / "out" / "scenes_v2.json", Checkpoint).log[0]
    assert shared.loss == pytest.approx(documents.load(alone.manifest, Checkpoint).log[0].loss, 0.1)


IN_DOUBLE = """
import os
import sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from edgebench.models import registry, shared_norm
from edgebench.models.backbones.build import network
from edgebench.models.data.feeds import SceneFeed
torch.set_num_threads(1)
world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
torch.manual_seed(0)
module = trained = network(registry.get("scenes_v2_ca")).double()
if world > 1:
    dist.init_process_group("gloo")
    trained = DistributedDataParallel(shared_norm.share(module, torch.device("cpu")))
optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
trained.train()
for images, labels in SceneFeed(48, 24, 8, 0).batches(0, rank, world):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(trained(images.double()), labels).backward()
    optimizer.step()
if rank == 0:
    torch.save(module.state_dict(), sys.argv[1])
"""


@pytest.mark.slow
def test_two_processes_train_what_one_does_to_the_last_digits(tmp_path: Path) -> None:
    """In float64: in float32, three steps of a fresh network make a per cent of 1e-7."""
    script = tmp_path / "job.py"
    script.write_text(IN_DOUBLE)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    states = []
    for words in ([], several):
        out = tmp_path / f"{len(words)}.pt"
        command = [sys.executable, *words, str(script), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        states.append(torch.load(out, weights_only=True))
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value, rtol=1e-7, atol=1e-9)


KILLED = """
import sys
from pathlib import Path
import torch
from edgebench.models import train
from edgebench.models.train_config import TrainConfig
torch.set_num_threads(1)
train._CHECK_EVERY = 1
train.train(
    TrainConfig("scenes_v2_ca", Path(sys.argv[1]), epochs=3, batch_size=8, learning_rate=0.01,
                scenes_per_epoch=32, save_every=0.0, device="cpu", resume=True),
)
"""


def test_a_training_that_is_killed_at_any_moment_goes_on_bit_for_bit(
    tmp_path: Path, uninterrupted: TrainResult
) -> None:
    """Killed as soon as there is a state, and once more as soon as there is another."""
    state = tmp_path / "scenes_v2_ca.state.pt"
    for _ in range(2):
        before = state.read_bytes() if state.exists() else b""
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
        while child.poll() is None and (not state.exists() or state.read_bytes() == before):
            time.sleep(0.02)
        child.kill()
        child.wait()
    resumed = train(tiny(tmp_path, resume=True))
    assert documents.sha256(resumed.weights) == documents.sha256(uninterrupted.weights)
    assert documents.load(resumed.manifest, Checkpoint) == documents.load(
        uninterrupted.manifest, Checkpoint
    )


def test_a_state_within_an_epoch_is_gone_on_from(
    tmp_path: Path, uninterrupted: TrainResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_CHECK_EVERY", 1)
    with pytest.raises(Interrupted):
        train(tiny(tmp_path, save_every=0.0), stop_at(7))
    found = torch.load(tmp_path / "scenes_v2_ca.state.pt", weights_only=True)
    assert (len(found["log"]), found["step"]) == (1, 2)  # The third step was not written yet.
    seen: list[int] = []
    resumed = train(
        tiny(tmp_path, resume=True),
        lambda step, done, total: seen.append(done) if step.startswith("train") else None,
    )
    assert seen[0] == 7
    assert documents.sha256(resumed.weights) == documents.sha256(uninterrupted.weights)


def test_the_plain_recipe_has_no_additions_and_a_command_names_those_in_use(tmp_path: Path) -> None:
    plain = tiny(tmp_path)
    assert not any(getattr(plain, name) for name in ADDITIONS)
    assert "smoothing" not in plain.command and "--init" not in plain.command
    assert "--label-smoothing 0.1" in replace(plain, label_smoothing=0.1).command


def test_label_smoothing_changes_what_is_learnt(tmp_path: Path, one_epoch: TrainResult) -> None:
    smooth = train(tiny(tmp_path, epochs=1, label_smoothing=0.2))
    losses = [documents.load(r.manifest, Checkpoint).log[0].loss for r in (smooth, one_epoch)]
    assert losses[0] != losses[1]
    assert documents.sha256(smooth.weights) != documents.sha256(one_epoch.weights)


def test_an_average_of_the_weights_is_what_comes_out_and_resumes(
    tmp_path: Path, one_epoch: TrainResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_CHECK_EVERY", 1)
    slow = tiny(tmp_path / "a", epochs=1, average_decay=0.9)
    whole = train(slow)
    assert documents.sha256(whole.weights) != documents.sha256(one_epoch.weights)
    again = replace(slow, out=tmp_path / "b", save_every=0.0)
    with pytest.raises(Interrupted):
        train(again, stop_at(3))
    resumed = train(replace(again, resume=True))
    assert documents.sha256(resumed.weights) == documents.sha256(whole.weights)
    # By hand: after two steps of one decay, the average is 0.9 of its past and 0.1 of the weights.
    module = torch.nn.Linear(1, 1)
    average = recipe.averaged(module, 0.9)
    assert average is not None
    average.update_parameters(module)
    before = module.weight.item()
    with torch.no_grad():
        module.weight += 1
    average.update_parameters(module)
    assert average.module.weight.item() == pytest.approx(before + 0.1, abs=1e-6)


def test_erasing_puts_a_rectangle_of_noise_into_its_share_of_images() -> None:
    images = torch.zeros(200, 3, 32, 32)
    found = recipe.erased(images, 0.25, (1, 2), 0, 1)
    changed = [one for one in found if one.any()]
    # 99.9 % of binomials of 200 draws at 1/4 are within 50 -+ 20.
    assert 30 <= len(changed) <= 70
    for one in changed:
        mask = one.ne(0).all(0)
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        box = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert bool(box.all())
        assert 0.01 < float(mask.float().mean()) < 0.45
    assert not images.any()
    halves = [recipe.erased(images[rank::2], 0.25, (1, 2), rank, 2) for rank in (0, 1)]
    assert torch.equal(torch.stack(halves, 1).flatten(0, 1), found)
    assert recipe.erased(images, 0.0, (1, 2), 0, 1) is images


def test_bfloat16_trains_nearly_the_same(tmp_path: Path, one_epoch: TrainResult) -> None:
    half = train(tiny(tmp_path, epochs=1, precision="bfloat16"))
    losses = [documents.load(r.manifest, Checkpoint).log[0].loss for r in (half, one_epoch)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    kept = safetensors.torch.load_file(half.weights)
    assert {v.dtype for v in kept.values()} <= {torch.float32, torch.int64}


def test_reading_and_training_are_timed(one_epoch: TrainResult) -> None:
    found = one_epoch.speed
    assert found is not None
    assert found.reading_per_s > 0
    assert found.training_per_s == pytest.approx(8 / found.step_s, rel=1e-6)
    assert 0 <= found.waiting < 1


def test_the_interval_is_wilsons() -> None:
    got = interval(90, 100)
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion": by hand,
    # (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n).
    assert (got.top1, got.count) == (0.9, 100)
    assert (got.low, got.high) == (
        pytest.approx(0.82563, abs=1e-5),
        pytest.approx(0.94477, abs=1e-5),
    )
