"""Detectors and segmenters: their cost, their anchors, and other projects' weights in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import layouts_made
import numpy as np
import pytest
import torch
from torch import nn

from edgebench.errors import InvalidFileError
from edgebench.models import ablated, registry
from edgebench.models.attention import ATTENTION, Attention
from edgebench.models.backbones.build import network
from edgebench.models.backbones.heads import default_boxes
from edgebench.models.count import count
from edgebench.models.kinds import HEADED, HEADS, KINDS
from edgebench.models.weights import load_into, load_start
from edgebench.tasks import anchors

FOLDER = Path(__file__).parents[1] / "golden" / "head_layouts"

# Parameters, and MAdds in millions. SSDLite320 on MobileNetV2 are the figures of the coordinate
# attention paper (4.3, 4.7 and 4.8 M); those on MobileNetV3-Large and of LR-ASPP are torchvision's.
KNOWN = {
    "ssdlite_mobilenet_v2": (4_304_138, 748),
    "ssdlite_mobilenet_v2_se": (4_687_474, 749),
    "ssdlite_mobilenet_v2_ca": (4_749_914, 757),
    "ssdlite_mobilenet_v3_large": (3_440_060, 583),
    "lraspp_mobilenet_v3_large": (3_221_538, 1975),
}
# DeepLabV3 on VOC, in millions of parameters: Hou et al., CVPR 2021, table 9.
PUBLISHED = {
    "deeplabv3_mobilenet_v2": 4.5,
    "deeplabv3_mobilenet_v2_se": 4.9,
    "deeplabv3_mobilenet_v2_cbam": 4.9,
    "deeplabv3_mobilenet_v2_ca": 5.0,
}


@pytest.mark.parametrize("name", KNOWN)
def test_parameters_and_madds_are_the_known_ones(name: str) -> None:
    spec = registry.get(name)
    assert (spec.parameters, round(spec.madds / 1e6)) == KNOWN[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_round_to_the_papers(name: str) -> None:
    assert round(registry.get(name).parameters / 1e6, 1) == PUBLISHED[name]


@pytest.mark.parametrize("head", HEADS)
def test_attention_costs_a_detector_what_it_costs_its_backbone(head: str) -> None:
    """So the head is the same with every attention, and no attention stands in it."""
    whole, plain = registry.get("mobilenet_v2_ca"), registry.get("mobilenet_v2")
    with_head = registry.get(f"{head}_mobilenet_v2_ca")
    without = registry.get(with_head.baseline)
    assert with_head.parameters - without.parameters == whole.parameters - plain.parameters


# Each head on each backbone, and every kind of attention and placement, has its turn.
TURNS = tuple(
    (head, backbone, kind)
    for place, backbone in enumerate(HEADED)
    for head, kind in zip(HEADS, [*KINDS, *KINDS][3 * place :], strict=False)
)


@pytest.mark.parametrize(("head", "backbone", "kind"), TURNS)
def test_every_head_on_every_backbone_gives_its_outputs(
    head: str, backbone: str, kind: str
) -> None:
    spec = registry.get(f"{head}_{backbone}_w025_{kind}_s64")
    module = network(spec).eval()
    with torch.no_grad():
        outputs = module(torch.zeros(2, 3, 64, 64))
    if head == "ssdlite":
        rows = len(anchors.boxes(default_boxes.levels(spec)))
        assert [tuple(one.shape) for one in outputs] == [
            (2, rows, 4),
            (2, rows, spec.num_classes),
        ]
    else:
        assert [tuple(one.shape) for one in outputs] == [(2, 21, 64, 64)]
    found = [one for one in module.modules() if isinstance(one, ATTENTION[kind])]
    assert found
    there = [path for path, one in module.named_modules() if isinstance(one, Attention)]
    assert [block.attention for block in module.blocks() if block.attention] == there


def test_a_segmenter_sees_strides_of_8_and_16_and_costs_no_more_in_parameters() -> None:
    module = network(registry.get("lraspp_mobilenet_v2_w025_s64")).eval()
    low, high = module.feature_maps(torch.zeros(1, 3, 64, 64), (8, 16))
    assert (low.shape[-1], high.shape[-1]) == (8, 4)
    assert max(block.stage for block in module.blocks()) == 4


def test_dilation_leaves_what_the_network_computes_where_the_two_meet() -> None:
    """Undilated at stride 32 and dilated at stride 16 are equal at every other pixel, but for the
    border: that is what the atrous convolution is for."""
    plain = network(registry.get("mobilenet_v2_w025_s96")).eval()
    dilated = network(registry.get("deeplabv3_mobilenet_v2_w025_s96")).eval()
    state = {k: v for k, v in plain.state_dict().items() if not k.startswith("features.18.")}
    state = {k: v for k, v in state.items() if not k.startswith("classifier")}
    dilated.backbone.load_state_dict(state)
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 288, 288))).float()
    with torch.no_grad():
        (coarse,) = plain.feature_maps(image, (32,))
        (fine,) = dilated.feature_maps(image, (16,))
    inner = slice(3, -3)
    torch.testing.assert_close(fine[..., ::2, ::2][..., inner, inner], coarse[..., inner, inner])


def test_parts_of_a_detectors_attention_can_be_taken_out() -> None:
    whole = registry.get("ssdlite_scenes_v2_ca")
    assert ablated.stages(whole) == (2, 3, 4, 5)
    part = registry.get("ssdlite_scenes_v2_ca~stage4")
    assert part.parameters < whole.parameters


@pytest.mark.parametrize("name", ["ssdlite_resnet18", "lraspp", "ssdlite_", "yolo_mobilenet_v2"])
def test_a_head_on_nothing_is_no_model(name: str) -> None:
    assert not registry.known(name)


def test_a_headed_models_name_says_what_its_baseline_is() -> None:
    spec = registry.get("ssdlite_mobilenet_v3_large_w050_ca_s96")
    assert spec.task == "detection"
    assert spec.baseline == "ssdlite_mobilenet_v3_large_none_w050_s96"
    baseline = registry.get(spec.baseline)
    assert (baseline.attention, baseline.baseline) == ("none", baseline.name)
    assert (baseline.width, baseline.input_size, baseline.head) == (0.5, 96, "ssdlite")


@pytest.mark.parametrize("name", HEADS)
def test_torchvisions_checkpoints_compute_what_they_did(tmp_path: Path, name: str) -> None:
    layout = f"torchvision.{name}_mobilenet_v3_large"
    shapes, wanted = layouts_made.read(layout, FOLDER)
    torch.save(layouts_made.filled(shapes), tmp_path / "theirs.pth")
    size = 320 if name == "ssdlite" else 128
    module = network(registry.get(f"{name}_mobilenet_v3_large_s{size}")).eval()
    load_into(module, tmp_path / "theirs.pth", module.weight_layouts)
    with torch.no_grad():
        outputs = module(layouts_made.image(size))
    if name == "ssdlite":
        found = torch.cat([one[0, ::97].flatten()[:6] for one in outputs])
    else:
        found = outputs[0][0, :, ::33, ::33].flatten()[:12]
    # The values are written with six digits; another epsilon would change the fourth.
    torch.testing.assert_close(found, wanted, rtol=5e-5, atol=2e-6)


def authors(module: nn.Module, flat: bool) -> dict[str, torch.Tensor]:
    """The state dict of our detector on MobileNetV2 under the names of the authors' repository.

    Written from their code's structure and not from our table: a block's layers are numbered in
    nested sequences, or in one `flat` sequence where there is attention.
    """
    names = {}
    for key in module.state_dict():
        new = key.replace("backbone.", "")
        if key.startswith("backbone.") and flat:
            new = flattened(new)
        part, _, rest = key.removeprefix("head.").partition(".")
        number, _, rest = rest.partition(".")
        if part == "extras":
            layer, kind, value = rest.split(".")
            place = ["reduce", "depthwise", "project"].index(layer)
            norm = kind == "norm"
            if flat:
                inner = str(3 * place + norm)
            else:
                inner = f"{place}.{int(norm)}" if place < 2 else str(2 + norm)
            new = f"extras.{number}.conv.{inner}.{value}"
        elif part in ("scores", "offsets"):
            headers = {"scores": "cls", "offsets": "reg"}[part] + "_headers"
            layer, *value = rest.split(".")
            inner = {"depthwise": "conv.0", "predict": "conv.3"}[layer]
            if value[0] == "norm":
                inner = "conv.1"
            if number == "5":
                inner = ""
            dotted = f"{inner}." if inner else ""
            names[key] = f"box_head.predictor.{headers}.{number}.{dotted}{value[-1]}"
            continue
        names[key] = f"backbone.{new}"
    return {names[key]: value for key, value in module.state_dict().items()}


def flattened(key: str) -> str:
    """`features.2.conv.1.0.weight` as the fourth of one sequence: `features.2.conv.3.weight`."""
    _, index, *rest = key.split(".")
    if index == "18":
        return f"conv.{'.'.join(rest)}"
    if index == "0":
        return key
    inner = rest[1:]
    if inner[0] == "attention":
        return f"features.{index}.conv.6.{'.'.join(inner[1:])}"
    expands = index != "1"
    place = int(inner[0])
    if place < 1 + expands:
        number = 3 * place + int(inner[1])
        value = inner[2]
    else:
        number = 3 * (1 + expands) + (place - 1 - expands) + expands
        value = inner[1]
    return f"features.{index}.conv.{number}.{value}"


@pytest.mark.parametrize(("kind", "flat"), [("", False), ("_ca", True)])
def test_the_attention_authors_detectors_load(tmp_path: Path, kind: str, flat: bool) -> None:
    spec = registry.get(f"ssdlite_mobilenet_v2{kind}")
    module = network(spec)
    state = authors(module, flat)
    assert "box_head.predictor.cls_headers.5.weight" in state
    torch.save({"model": state, "iteration": 1}, tmp_path / "theirs.pth")
    again = network(spec)
    load_into(again, tmp_path / "theirs.pth", again.weight_layouts)
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in module.state_dict().items())


def test_the_attention_authors_detector_on_mobilenext_has_a_place_for_every_weight() -> None:
    module = network(registry.get("ssdlite_mobilenext"))
    (layout,) = module.weight_layouts
    for theirs, ours in (
        ("backbone.features.0.0.weight", "backbone.stem.conv.weight"),
        ("backbone.features.1.conv.3.weight", "backbone.layers.0.body.reduce.conv.weight"),
        ("backbone.features.20.conv.8.weight", "backbone.layers.19.body.last.conv.weight"),
        ("backbone.extras.0.0.weight", "head.extras.0.depthwise.conv.weight"),
        ("backbone.extras.3.6.running_var", "head.extras.3.project.norm.running_var"),
        ("box_head.predictor.reg_headers.1.conv.0.bias", "head.offsets.1.depthwise.conv.bias"),
        ("box_head.predictor.cls_headers.5.bias", "head.scores.5.predict.bias"),
    ):
        assert layout.renamed(theirs) == ours
        assert ours in module.state_dict()


def test_anchors_are_torchvisions() -> None:
    """The corners of `ssdlite320_mobilenet_v3_large`'s own generator, in pixels."""
    spec = registry.get("ssdlite_mobilenet_v3_large")
    made = anchors.boxes(default_boxes.levels(spec)) * 320
    corners = np.concatenate([made[:, :2] - made[:, 2:] / 2, made[:, :2] + made[:, 2:] / 2], 1)
    assert corners.shape == (3234, 4)
    wanted = {
        0: (-24.0, -24.0, 40.0, 40.0),
        1: (-34.332012, -34.332012, 50.332012, 50.332012),
        5: (-10.475209, -47.425629, 26.475208, 63.425629),
        2400: (-40.0, -40.0, 72.0, 72.0),
        3233: (72.242752, 0.0, 247.757248, 320.0),
    }
    for row, box in wanted.items():
        np.testing.assert_allclose(corners[row], box, atol=2e-3)


def test_anchors_are_the_attention_authors() -> None:
    """Their configuration for 320 pixels: sizes from 45, and three cells 120 pixels apart."""
    spec = registry.get("ssdlite_mobilenet_v2")
    made = anchors.boxes(default_boxes.levels(spec)) * 320
    rows = np.cumsum([0, 400 * 6, 100 * 6, 25 * 6, 9 * 6, 4 * 6, 4])
    assert len(made) == rows[-1]
    np.testing.assert_allclose(made[0], (8, 8, 45, 45), atol=1e-3)
    np.testing.assert_allclose(made[1], (8, 8, *[(45 * 90) ** 0.5] * 2), atol=1e-3)
    np.testing.assert_allclose(made[rows[3] + 6], (180, 60, 180, 180), atol=1e-3)
    np.testing.assert_allclose(
        made[rows[5] :],
        [(160, 160, w, h) for w, h in LAST_CELL],
        atol=1e-3,
    )


LAST_CELL = (
    (270, 270),
    ((270 * 315) ** 0.5,) * 2,
    (320, 270 / 2**0.5),
    (270 / 2**0.5, 320),
)


def test_a_trained_head_needs_no_other_names(tmp_path: Path) -> None:
    spec = replace(registry.get("lraspp_scenes_v2_ca"), checkpoint=None)
    module = network(spec)
    torch.save(module.state_dict(), tmp_path / "ours.pth")
    again = network(spec)
    load_into(again, tmp_path / "ours.pth", again.weight_layouts)
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in module.state_dict().items())


def test_counting_a_detector_counts_its_head() -> None:
    spec = registry.get("ssdlite_scenes_v2")
    with torch.device("meta"):
        cost = count(network(spec), spec.input_size)
        head = sum(one.numel() for one in network(spec).head.parameters())
    assert cost.parameters == spec.parameters > head > 0


@pytest.mark.parametrize("head", HEADS)
def test_a_training_starts_from_a_classifiers_weights(tmp_path: Path, head: str) -> None:
    classifier = network(registry.get("mobilenet_v2_ca"))
    torch.save(classifier.state_dict(), tmp_path / "imagenet.pth")
    module = network(registry.get(f"{head}_mobilenet_v2_ca_s64"))
    before = {key: value.clone() for key, value in module.head.state_dict().items()}
    load_start(module, tmp_path / "imagenet.pth", module.weight_layouts)
    theirs = classifier.state_dict()
    assert all(
        torch.equal(value, theirs[key]) for key, value in module.backbone.state_dict().items()
    )
    assert all(torch.equal(value, before[key]) for key, value in module.head.state_dict().items())


def test_a_training_refuses_a_start_that_does_not_fit(tmp_path: Path) -> None:
    torch.save(network(registry.get("mobilenet_v2")).state_dict(), tmp_path / "plain.pth")
    module = network(registry.get("ssdlite_mobilenet_v2_ca"))
    with pytest.raises(InvalidFileError, match="missing"):
        load_start(module, tmp_path / "plain.pth", module.weight_layouts)
