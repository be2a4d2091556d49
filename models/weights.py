"""Reading weights: our own files, and those of other projects by their layouts' tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from edgebench.errors import InvalidFileError
from edgebench.models.backbones.backbone import NORM_EPSILON, WeightLayout
from edgebench.models.backbones.heads.headed import Headed
from edgebench.models.fake_quantise import without_ranges

State = dict[str, Tensor]

# Wrappers that training scripts leave around a state dict, and before every key of it.
_WRAPPERS = ("state_dict", "model", "model_state", "state_dict_ema")
_PREFIXES = ("module.", "model.")
_VARIANCE = ".running_var"
# Counts batches for a momentum that is not used here; older files lack it.
_OPTIONAL_SUFFIX = ".num_batches_tracked"


def read(path: Path, layouts: Sequence[WeightLayout] = ()) -> State:
    """The state dict in a .safetensors, .pt or .pth file, under the names of our networks.

    Nothing in the file is executed. Raises `InvalidFileError` for a file that is missing, corrupt
    or of another kind.
    """
    return translate(_unwrap(_read_raw(path), path), layouts)


def names(path: Path) -> frozenset[str]:
    """The names of the tensors in a file. Raises as `read` does."""
    return frozenset(read(path))


def _read_raw(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        if path.suffix in (".pt", ".pth"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InvalidFileError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # the unpickler raises nearly anything on foreign bytes
        detail = str(error).partition("\n")[0]
        raise InvalidFileError(
            f"{path} holds no readable weights: {detail}", "check that the file is complete"
        ) from error
    raise InvalidFileError(f"{path} is not a weights file", "give a .safetensors, .pt or .pth file")


def _unwrap(raw: object, path: Path) -> State:
    for wrapper in _WRAPPERS:
        if isinstance(raw, dict) and isinstance(raw.get(wrapper), dict):
            raw = raw[wrapper]
    if not isinstance(raw, dict) or not raw:
        raise InvalidFileError(f"{path} holds no state dict", "save module.state_dict() in it")
    state = {str(key): value for key, value in raw.items() if isinstance(value, Tensor)}
    if len(state) != len(raw):
        raise InvalidFileError(f"{path} holds more than tensors", "save module.state_dict() in it")
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def translate(state: State, layouts: Sequence[WeightLayout]) -> State:
    """Rename the keys of a known layout to ours; keys of other layouts stay as they are.

    Variances take up the difference between the layout's epsilon and ours, so that a batch norm
    computes what it did there.
    """
    layout = next((one for one in layouts if one.mark in state), None)
    if layout is None:
        return dict(state)
    renamed: State = {}
    for key, value in state.items():
        if layout.drops(key):
            continue
        more = layout.epsilon(key) - NORM_EPSILON if key.endswith(_VARIANCE) else 0.0
        renamed[layout.renamed(key)] = value + more if more else value
    return renamed


def _reshaped(state: State, own: State) -> State:
    """A linear layer and a 1x1 convolution hold the same numbers: give each the shape of ours."""
    return {
        key: value.reshape(own[key].shape)
        if key in own and _bare(value.shape) == _bare(own[key].shape)
        else value
        for key, value in state.items()
    }


def _bare(shape: Sequence[int]) -> tuple[int, ...]:
    """(O, I) of (O, I) and of (O, I, 1, 1)."""
    found = tuple(shape)
    return found[:2] if len(found) == 4 and found[2:] == (1, 1) else found


def load_start(module: nn.Module, path: Path, layouts: Sequence[WeightLayout] = ()) -> None:
    """Fill a network before its training: all of it, or the backbone alone of one with a head.

    A file without a head is a classifier's; what it has beyond the backbone is left out, and so are
    the ranges of weights that were trained to be rounded. Raises as `load_into` does.
    """
    if isinstance(module, Headed):
        state = read(path, module.backbone_layouts)
        if not any(key.startswith("head.") for key in read(path, layouts)):
            own = module.backbone.state_dict()
            kept = {key: value for key, value in state.items() if key in own}
            _fill(module.backbone, kept, path)
            return
    _fill(module, without_ranges(read(path, layouts)), path)


def load_into(module: nn.Module, path: Path, layouts: Sequence[WeightLayout] = ()) -> None:
    """Fill a network with the weights of a file, in its own names or in a known layout's.

    Raises `InvalidFileError` that names the keys that are missing, unexpected or of a wrong shape.
    """
    _fill(module, read(path, layouts), path)


def _fill(module: nn.Module, found_state: State, path: Path) -> None:
    own = module.state_dict()
    state = _reshaped(found_state, own)
    required = {key for key in own if not key.endswith(_OPTIONAL_SUFFIX)}
    problems = {
        "missing": sorted(required - set(state)),
        "unexpected": sorted(set(state) - set(own)),
        "of a wrong shape": [
            f"{key} {tuple(state[key].shape)}, wanted {tuple(own[key].shape)}"
            for key in own
            if key in state and state[key].shape != own[key].shape
        ],
    }
    found = [f"{kind}: {_listed(keys)}" for kind, keys in problems.items() if keys]
    if found:
        raise InvalidFileError(
            f"the weights in {path} do not fit the model ({'; '.join(found)})",
            "choose the model they were trained for",
        )
    module.load_state_dict(state, strict=False)


def _listed(keys: list[str], most: int = 5) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
