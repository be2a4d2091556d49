"""COCO's own evaluation (pycocotools) of detections, for tests."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edgebench.tasks.detection import Boxes
from edgebench.tasks.detection_decode import Detections


def average_precision(found: Sequence[Detections], truth: Boxes) -> dict[str, float]:
    """AP, AP50 and AP75 as COCOeval computes them; -1 where there is nothing to find."""
    things = []
    for image in range(len(truth)):
        there = truth.part(image, image + 1)
        for box, kind, crowd in zip(there.boxes, there.classes, there.crowd, strict=True):
            width, height = (box[2:].astype(float) - box[:2].astype(float)).tolist()
            things.append(
                {
                    "id": len(things) + 1,
                    "image_id": image,
                    "category_id": int(kind),
                    "bbox": [float(box[0]), float(box[1]), width, height],
                    "area": width * height,
                    "iscrowd": int(crowd),
                }
            )
    results = [
        {
            "image_id": image,
            "category_id": int(kind),
            "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()],
            "score": float(score),
        }
        for image, each in enumerate(found)
        for box, score, kind in zip(each.boxes, each.scores, each.classes, strict=True)
    ]
    kinds = sorted({one["category_id"] for one in [*things, *results]})
    data = COCO()
    data.dataset = {
        "info": {},
        "images": [{"id": image, "height": 1000, "width": 1000} for image in range(len(truth))],
        "annotations": things,
        "categories": [{"id": kind, "name": str(kind)} for kind in kinds],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
        if not results:
            return dict.fromkeys(("ap", "ap50", "ap75"), 0.0 if things else -1.0)
        evaluation = COCOeval(data, data.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    # (thresholds, recalls, classes, areas, most): all areas, 100 detections.
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    return {
        name: _mean(precision[chosen])
        for name, chosen in (("ap", slice(None)), ("ap50", slice(0, 1)), ("ap75", slice(5, 6)))
    }


def _mean(precision: np.ndarray) -> float:
    some = precision[precision > -1]
    return float(some.mean()) if some.size else -1.0
