"""A saved .mlpackage as its protobuf messages say it, without Core ML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebench.converters.coreml.evaluator.operation import Block, Declared, Operation
from edgebench.converters.coreml.evaluator.specification import specification_of, without
from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.errors import InvalidFileError, UnsupportedModelError

Array = NDArray[Any]
Constants = dict[str, Any]

# MIL's element types by the name that NumPy has for them; types narrower than a byte are read
# into a byte for each element.
_DTYPES: Mapping[str, str] = {
    "BOOL": "bool",
    "STRING": "string",
    "FLOAT16": "float16",
    "FLOAT32": "float32",
    "FLOAT64": "float64",
    "INT4": "int8",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "UINT1": "uint8",
    "UINT2": "uint8",
    "UINT3": "uint8",
    "UINT4": "uint8",
    "UINT6": "uint8",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
}
_NARROW = {"INT4": 4, "UINT1": 1, "UINT2": 2, "UINT3": 3, "UINT4": 4, "UINT6": 6}
_IOS = {"CoreML5": 15, "CoreML6": 16, "CoreML7": 17, "CoreML8": 18, "CoreML9": 26}
# Parameters of up to so many elements are kept as Python numbers too.
_SMALL = 64


@dataclass(frozen=True)
class Package:
    """What is read from disk: the description of inputs and outputs, and the main function."""

    description: Any
    inputs: tuple[Declared, ...]
    states: tuple[Declared, ...]
    body: Block
    constants: Mapping[str, Any]
    opset: int


def read(path: Path) -> Package:
    """Read a package. Raises `InvalidFileError`, `UnsupportedModelError`."""
    return read_model(specification_of(path), path)


def read_model(specification: Any, path: Path) -> Package:
    """Read one model of a package. Raises `InvalidFileError`, `UnsupportedModelError`."""
    kind = specification.WhichOneof("Type")
    if kind != "mlProgram":
        raise UnsupportedModelError(
            f"{path} holds a {kind} model, not an ML program",
            "convert it with minimum_deployment_target iOS15 or later",
        )
    functions = specification.mlProgram.functions
    name = specification.description.defaultFunctionName or "main"
    if name not in functions:
        raise UnsupportedModelError(
            f"{path} has no function '{name}', only {', '.join(sorted(functions))}",
            "save one function a package",
        )
    function = functions[name]
    if function.opset not in _IOS:
        raise UnsupportedModelError(
            f"{path} is of the opset {function.opset}, which the evaluator does not know",
            "convert it with a minimum_deployment_target of iOS15 to iOS26",
        )
    body = function.block_specializations[function.opset]
    reader = _Reader(path / "Data" / "com.apple.CoreML" / "weights")
    try:
        block = reader.block(body, ())
    except OSError as error:
        raise InvalidFileError(
            f"{path} is damaged: {without(path, error)}", "make it again"
        ) from error
    except (ValueError, KeyError, RuntimeError) as error:
        raise InvalidFileError(
            f"{path} is damaged: {str(error).splitlines()[0]}", "make it again"
        ) from error
    return Package(
        specification.description,
        tuple(_declared(port) for port in function.inputs if not _is_state(port)),
        tuple(_declared(port) for port in function.inputs if _is_state(port)),
        block,
        reader.constants,
        _IOS[function.opset],
    )


def _is_state(port: Any) -> bool:
    return bool(port.type.WhichOneof("type") == "stateType")


def _declared(port: Any) -> Declared:
    held = port.type.stateType.wrappedType if _is_state(port) else port.type
    if held.WhichOneof("type") != "tensorType":
        return Declared(port.name, "", ())
    tensor = held.tensorType
    return Declared(port.name, _dtype(_element(tensor)), _shape(tensor))


def _dtype(element: str) -> str:
    if element not in _DTYPES:
        raise UnsupportedModelError(
            f"the program has values of {element}, which the evaluator lacks",
            "it can't be checked on this machine; on a Mac, Core ML itself can run it",
        )
    return _DTYPES[element]


def _element(tensor: Any) -> str:
    return str(ct.proto.MIL_pb2.DataType.Name(tensor.dataType))


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(
        int(dim.constant.size) if dim.WhichOneof("dimension") == "constant" else None
        for dim in tensor.dimensions
    )


class _Reader:
    """Reads blocks, and collects the constants of all of them by name."""

    def __init__(self, weights: Path) -> None:
        self._weights = weights
        self._files: dict[str, Any] = {}
        self.constants: Constants = {}

    def block(self, block: Any, inputs: tuple[Declared, ...]) -> Block:
        operations = tuple(
            self._operation(spec) for spec in block.operations if not self._const(spec)
        )
        return Block(inputs, operations, tuple(block.outputs))

    def _const(self, spec: Any) -> bool:
        if spec.type != "const":
            return False
        self.constants[spec.outputs[0].name] = self._value(spec.attributes["val"])
        return True

    def _operation(self, spec: Any) -> Operation:
        inputs: dict[str, tuple[str, ...]] = {}
        owner = spec.outputs[0].name if spec.outputs else spec.type
        own = str(self._value(spec.attributes["name"])) if "name" in spec.attributes else owner
        # Ops of constants had attributes before iOS 18, where other ops have inputs.
        attributes = {name: value for name, value in spec.attributes.items() if name != "name"}
        for name, value in attributes.items():
            inputs[name] = (self._inline(f"{owner}/{name}", value),)
        for name, argument in spec.inputs.items():
            inputs[name] = tuple(
                binding.name
                if binding.WhichOneof("binding") == "name"
                else self._inline(f"{owner}/{name}/{i}", binding.value)
                for i, binding in enumerate(argument.arguments)
            )
        parameters = {
            name: _plain(self.constants[keys[0]])
            for name, keys in inputs.items()
            if len(keys) == 1 and _is_small(self.constants.get(keys[0]))
        }
        blocks = tuple(
            self.block(block, tuple(_declared(port) for port in block.inputs))
            for block in spec.blocks
        )
        outputs = tuple(_declared(port) for port in spec.outputs)
        return Operation(spec.type, own, inputs, outputs, blocks, parameters)

    def _inline(self, key: str, value: Any) -> str:
        self.constants[key] = self._value(value)
        return key

    def _value(self, value: Any) -> Any:
        """An array, a string, or a list of them."""
        if value.type.WhichOneof("type") == "listType":
            return [self._value(item) for item in value.immediateValue.list.values]
        tensor = value.type.tensorType
        element, shape = _element(tensor), tuple(int(dim or 0) for dim in _shape(tensor))
        if value.WhichOneof("value") == "blobFileValue":
            return self._blob(value.blobFileValue, element).reshape(shape)
        stored = value.immediateValue.tensor
        kind = stored.WhichOneof("value")
        if kind is None:
            return np.zeros(shape, _dtype(element))
        numbers = getattr(stored, kind).values
        if element == "STRING":
            return str(numbers[0]) if not shape else [str(text) for text in numbers]
        if kind == "bytes":
            return _from_bytes(numbers, element, shape)
        return np.array(numbers).astype(_dtype(element)).reshape(shape)

    def _blob(self, blob: Any, element: str) -> Array:
        name = blob.fileName.rsplit("/", 1)[-1]
        if name not in self._files:
            self._files[name] = ct.libmilstoragepython._BlobStorageReader(str(self._weights / name))
        kind = {"FLOAT16": "fp16", "FLOAT32": "float"}.get(element, element.lower())
        stored = getattr(self._files[name], f"read_{kind}_data")(blob.offset)
        if element == "FLOAT16":  # given as its bits
            return np.frombuffer(stored.tobytes(), np.float16)
        return np.array(stored, _dtype(element))


def _from_bytes(content: bytes, element: str, shape: tuple[int, ...]) -> Array:
    if element not in _NARROW:
        return np.frombuffer(content, _dtype(element)).reshape(shape)
    packed = np.frombuffer(content, np.uint8)
    return unpacked(packed, _NARROW[element], math.prod(shape), element).reshape(shape)


def unpacked(content: Array, bits: int, count: int, element: str = "") -> Array:
    """Elements of a few bits each, packed from the lowest bit of the first byte on."""
    flags = np.unpackbits(content, bitorder="little")[: count * bits].reshape(count, bits)
    numbers: Array = (flags.astype(np.int16) << np.arange(bits, dtype=np.int16)).sum(1)
    if not element.startswith("INT"):
        return numbers.astype(np.uint8)
    negative = numbers >= 1 << (bits - 1)
    signed: Array = (numbers - (negative << bits)).astype(np.int8)
    return signed


def _is_small(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.size <= _SMALL)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
