"""The sliding window that convolutions and pools share: extents, pads and output sizes.

Formulas: the ONNX operator documentation of Conv and AveragePool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgebench.converters.lowering.node import Array, CannotLower, Node, V


@dataclass(frozen=True)
class Window:
    """One entry for each spatial axis. `size` is the input's extents, pads are in elements.

    `ceil` rounds the output size up; the window then hangs over the end by elements that are no
    padding, and that an average never counts.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    ceil: bool = False

    @classmethod
    def of(cls, node: Node[V], size: Sequence[int], kernel: Sequence[int]) -> Window:
        """Read the attributes that Conv and the pools have in common."""
        rank = len(kernel)
        ones, zeros = [1] * rank, [0] * (2 * rank)
        window = cls(
            tuple(size),
            tuple(kernel),
            tuple(node.attribute("strides", ones)),
            tuple(node.attribute("dilations", ones)),
            tuple(node.attribute("pads", zeros)[:rank]),
            tuple(node.attribute("pads", zeros)[rank:]),
            bool(node.attribute("ceil_mode", 0)),
        )
        auto_pad = node.attribute("auto_pad", "NOTSET")
        if auto_pad == "NOTSET":
            return window
        if auto_pad == "VALID":
            return replace(window, before=(0,) * rank, after=(0,) * rank)
        less, more = window.same_pads()
        if auto_pad == "SAME_UPPER":
            return replace(window, before=less, after=more, ceil=False)
        if auto_pad == "SAME_LOWER":
            return replace(window, before=more, after=less, ceil=False)
        raise CannotLower(f"its auto_pad is '{auto_pad}'")

    @property
    def extent(self) -> tuple[int, ...]:
        """How many input elements the dilated kernel spans."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def output(self) -> tuple[int, ...]:
        """The output's extents."""
        return tuple(
            self._output(*axis)
            for axis in zip(
                self.size, self.extent, self.strides, self.before, self.after, strict=True
            )
        )

    def _output(self, size: int, extent: int, stride: int, before: int, after: int) -> int:
        room = size + before + after - extent
        if not self.ceil:
            return room // stride + 1
        output = -(-room // stride) + 1
        # A window that would begin beyond the input and its padding is left out.
        return output - 1 if (output - 1) * stride >= size + before else output

    @property
    def reach(self) -> tuple[int, ...]:
        """How many elements after the input's end the last window really touches."""
        return tuple(
            max((o - 1) * s + e - n - b, 0)
            for o, s, e, n, b in zip(
                self.output, self.strides, self.extent, self.size, self.before, strict=True
            )
        )

    def same_pads(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """TensorFlow's SAME padding, before and after; the odd element comes after."""
        total = [
            max((-(-n // s) - 1) * s + e - n, 0)
            for n, s, e in zip(self.size, self.strides, self.extent, strict=True)
        ]
        return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)

    @property
    def padding(self) -> str | None:
        """VALID or SAME where TensorFlow's scheme is exactly this one, otherwise None."""
        if not any(self.before) and not any(self.reach):
            return "VALID"
        same = (self.before, self.reach) == self.same_pads()
        full = tuple(-(-n // s) for n, s in zip(self.size, self.strides, strict=True))
        return "SAME" if same and self.output == full else None

    def swapped(self) -> Window:
        """The same window over the spatial axes in reverse."""
        fields = ("size", "kernel", "strides", "dilations", "before", "after")
        return replace(self, **{name: getattr(self, name)[::-1] for name in fields})

    def flattened_line(self) -> Window:
        """A window over one axis as one over two, the first of extent 1."""
        one, none = (1,), (0,)
        return Window(
            one + self.size,
            one + self.kernel,
            one + self.strides,
            one + self.dilations,
            none + self.before,
            none + self.after,
            self.ceil,
        )

    def counts(self, include_pad: bool) -> Array:
        """How many elements each window of an average counts: an array of the output's extents."""
        total = np.ones((), np.float32)
        for i, outputs in enumerate(self.output):
            first = np.arange(outputs) * self.strides[i] - self.before[i]
            taps = first[:, None] + np.arange(self.kernel[i]) * self.dilations[i]
            low, high = (
                (-self.before[i], self.size[i] + self.after[i])
                if include_pad
                else (0, self.size[i])
            )
            inside = ((taps >= low) & (taps < high)).sum(axis=1)
            total = np.multiply.outer(total, inside)
        return total.astype(np.float32)
