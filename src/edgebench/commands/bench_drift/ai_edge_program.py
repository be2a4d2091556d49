"""Run by the Python of an environment with ai-edge-quantizer: its static int8 recipe on a file.

Imports nothing of edgebench: that environment has none of it.
"""

import json
import sys

import numpy as np


def main() -> None:
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped, unused-ignore]
    from ai_edge_quantizer import quantizer, recipe  # type: ignore[import-not-found, unused-ignore]

    source, data, made = json.loads(sys.argv[1])
    columns = np.load(data)
    arrays = [columns[f"arr_{i}"] for i in range(len(columns.files))]
    opened = Interpreter(source)
    (key, signature), *_ = opened.get_signature_list().items()
    positions = {one["name"]: number for number, one in enumerate(opened.get_input_details())}
    runner = opened.get_signature_runner(key)
    order = {n: positions[one["name"]] for n, one in runner.get_input_details().items()}
    assert set(order) == set(signature["inputs"])
    samples = [{n: arrays[i][k] for n, i in order.items()} for k in range(len(arrays[0]))]
    tool = quantizer.Quantizer(source, recipe.static_wi8_ai8())
    found = tool.calibrate({key: samples})
    tool.quantize(found).export_model(made, overwrite=True)


if __name__ == "__main__":
    main()
