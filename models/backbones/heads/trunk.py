"""A backbone as a row of steps, of which a head reads some, and the others are taken off.

Heads read a map by the path of the module whose output it is. A block that adds its input to its
output is one step; of others each layer is one, so that a map inside them can be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from edgebench.models.attention import Attention
from edgebench.models.backbones.backbone import Backbone
from edgebench.models.backbones.mobilenet_v2.network import InvertedResidual, MobileNetV2
from edgebench.models.backbones.mobilenext.network import MobileNeXt
from edgebench.models.backbones.staged import ATTENTION, Residual, Staged
from edgebench.models.spec import ModelSpec

Step = tuple[str, nn.Module]

OUTPUT_STRIDE = 16
"""What segmenters keep of their inputs' resolution: the last stage is dilated instead."""


def steps(backbone: Backbone) -> Iterator[Step]:
    """The network up to its classifier, by paths among the backbone's modules."""
    if isinstance(backbone, MobileNetV2):
        for name, layer in backbone.features.named_children():
            yield f"features.{name}", layer
        return
    assert isinstance(backbone, Staged)
    yield "stem", backbone.stem
    for name, layer in backbone.layers.named_children():
        if isinstance(layer, Residual) and _in_a_row(layer):
            for part, module in layer.body.named_children():
                yield f"layers.{name}.body.{part}", module
        else:
            yield f"layers.{name}", layer
    yield "head", backbone.head


def _in_a_row(block: Residual) -> bool:
    return block.shortcut is None and block.after is None


def _end(backbone: Backbone, path: str) -> str:
    """The step whose output is a block's."""
    block = backbone.get_submodule(path)
    if not isinstance(block, Residual) or not _in_a_row(block):
        return path
    *_, (last, _) = block.body.named_children()
    return f"{path}.body.{last}"


def maps(backbone: Backbone, x: Tensor, paths: Sequence[str]) -> list[Tensor]:
    """What the steps at these paths compute. The backbone ends with the last of them."""
    found: dict[str, Tensor] = {}
    for path, step in steps(backbone):
        x = step(x)
        if path in paths:
            found[path] = x
            if path == paths[-1]:
                break
    return [found[path] for path in paths]


def detection_paths(backbone: Backbone) -> tuple[str, str, str]:
    """The first two maps of a detector, of the strides 16 and 32, and what its own layers continue.

    Of MobileNetV2 the last map of stride 16, and the map that is widened for the classifier (the
    coordinate attention authors' detector). Of the others the wide maps: that before the depthwise
    convolution that begins stride 32, and the last one (the same authors' and torchvision's).
    """
    blocks = backbone.blocks()
    first = next(number for number, block in enumerate(blocks) if block.stage == 5)
    if isinstance(backbone, MobileNetV2):
        last = f"features.{len(backbone.features) - 1}"
        return blocks[first - 1].path, last, last
    wide = _wide(backbone, blocks[first].path)
    if isinstance(backbone, MobileNeXt):
        return wide, _wide(backbone, blocks[-1].path), "head"
    return wide, "head", "head"


def _wide(backbone: Backbone, path: str) -> str:
    """Where a block's map is widest: at its `expand`, or the attention that follows at once."""
    block = backbone.get_submodule(path)
    assert isinstance(block, Residual)
    names = [name for name, _ in block.body.named_children()]
    place = names.index("expand")
    if names[place + 1 : place + 2] == [ATTENTION]:
        place += 1
    return f"{path}.body.{names[place]}"


def segmentation_paths(backbone: Backbone) -> tuple[str, str]:
    """A segmenter's two maps: the first of stride 8, and the last before any classifier.

    What only widens the last map for the classifier is left off, as DeepLab does with MobileNetV2;
    of MobileNetV3 it is kept, as torchvision does.
    """
    blocks = backbone.blocks()
    low = _end(backbone, next(block.path for block in blocks if block.stage == 3))
    if isinstance(backbone, MobileNeXt):
        return low, _end(backbone, blocks[-2].path)
    return low, blocks[-1].path if isinstance(backbone, MobileNetV2) else "head"


def cut(backbone: Backbone, last: str) -> None:
    """Take off all that stands after a step, in place."""
    after = False
    for path, _ in list(steps(backbone)):
        if after:
            _remove(backbone, path)
        after = after or path == last
    _remove(backbone, "classifier")


def _remove(backbone: Backbone, path: str) -> None:
    parent, _, name = path.rpartition(".")
    setattr(backbone.get_submodule(parent), name, nn.Identity())


def dilate(backbone: Backbone, spec: ModelSpec) -> None:
    """Keep the last stage at a stride of 16, in place: its convolutions reach twice as far instead.

    Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, section 3.1.
    The convolution that halved the map sees it undilated; torchvision's MobileNetV3 dilates that
    one too. Attention is left as it is.
    """
    for block in backbone.blocks():
        if 2**block.stage <= OUTPUT_STRIDE:
            continue
        module = backbone.get_submodule(block.path)
        assert isinstance(module, Residual | InvertedResidual)
        for convolution in _convolutions(module):
            if convolution.kernel_size == (1, 1):
                continue
            begins = convolution.stride != (1, 1)
            convolution.stride = (1, 1)
            if not begins or spec.backbone.startswith("mobilenet_v3"):
                convolution.dilation = (2, 2)
                convolution.padding = tuple(2 * int(side) for side in convolution.padding)
    for block in backbone.blocks():
        if 2**block.stage > OUTPUT_STRIDE:
            module = backbone.get_submodule(block.path)
            assert isinstance(module, Residual | InvertedResidual)
            module.stride = 1
            break


def _convolutions(module: nn.Module) -> Iterator[nn.Conv2d]:
    """All convolutions but those of attention."""
    for child in module.children():
        if isinstance(child, nn.Conv2d):
            yield child
        elif not isinstance(child, Attention):
            yield from _convolutions(child)
