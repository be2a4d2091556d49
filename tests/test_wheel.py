"""The wheel, as `pip install` puts it into an environment: complete, small, and at work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FOLDERS = ("models", "converters", "deploy", "benchmarks")
# Replicas for comparisons of seeds and placements.
LEFT_OUT = re.compile(r"models/checkpoints/(\w+_(s\d+|ca_late)\.(json|safetensors)|heads/)")


def done(*words: str | Path, cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
    """What a program prints. Nothing of this environment's settings reaches it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    apart = {"EDGEBENCH_DATA": str(cwd / "data"), "EDGEBENCH_CONFIG": str(cwd / "config")}
    found = subprocess.run(words, cwd=cwd, env=kept | apart, capture_output=True, text=True)
    assert found.returncode in codes, found.stdout + found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = ("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    done(sys.executable, *words, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel; its dependencies are this one's."""
    folder = tmp_path_factory.mktemp("clean")
    done(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    install = ("-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    done(sys.executable, *install, cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    # A folder that a .pth names is searched last, and no .pth in it counts: not that of a checkout.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("platlib"))
    where = done(python, "-c", "import edgebench; print(edgebench.__file__)", cwd=folder)
    assert Path(where.strip()) == packages / "edgebench" / "__init__.py"
    return folder / "bin"


def sources() -> dict[str, Path]:
    """What a wheel ought to hold, by its name there."""
    found = {}
    for folder in FOLDERS:
        paths = (ROOT / folder).rglob("*")
        found |= {f"edgebench/{path.relative_to(ROOT)}": path for path in paths}
    for top, _, names in os.walk(ROOT / "src"):  # Does not follow the links to the four.
        found |= {str(Path(top, n).relative_to(ROOT / "src")): Path(top, n) for n in names}
    return {
        name: path
        for name, path in found.items()
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_it_holds_every_file_but_replicas_and_stays_small(wheel: Path) -> None:
    wanted = set(sources())
    replicas = {name for name in wanted if LEFT_OUT.search(name)}
    heads = {name for name in replicas if "/heads/" in name}
    assert len(replicas - heads) == 14  # Twelve seeds' manifests, and a placement with its own.
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == wanted - replicas
    assert wheel.stat().st_size < 12e6


def test_models_says_which_checkpoints_it_lacks_and_where_they_are(
    scripts: Path, tmp_path: Path
) -> None:
    shown = done(scripts / "edgebench", "models", cwd=tmp_path)
    rows = {line.split()[0]: line for line in shown.splitlines() if line.startswith("scenes_v2")}
    lacking = {name for name, row in rows.items() if row.rstrip().endswith("absent")}
    assert lacking == {"scenes_v2_ca_late"}
    assert "only in the source repository" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_it_exports_runs_and_reports(scripts: Path, tmp_path: Path) -> None:
    edgebench = scripts / "edgebench"
    done(edgebench, "export", "scenes_v2", "--to", "onnx:fp32", cwd=tmp_path)
    assert (tmp_path / "artifacts" / "scenes_v2.fp32.onnx").is_file()
    model = ("--baseline", "scenes_v2", "scenes_v2", "--formats", "onnx", "--precisions", "fp32")
    # A machine that is busy with something else gets no verdict, and the exit code says so.
    measured = done(
        *(edgebench, "run", "--device", "local", *model, "--detect", "50%", "--whole-budget"),
        cwd=tmp_path,
        codes=(0, 3),
    )
    assert "scenes_v2" in measured
    assert "scenes_v2" in done(edgebench, "report", "--html", "page.html", cwd=tmp_path)
    assert "<svg" in (tmp_path / "page.html").read_text()
