"""The state of optimizers of Keras 1 and 2, given to those of today."""

import re
from typing import Any

import numpy as np

from torchkeras.saving import _raw

__all__ = []

# Slots by the ends of their paths; of two that fit the longer one.
_SLOTS = (
    "accumulated_delta_var",
    "accumulated_grad",
    "accumulator",
    "average_gradient",
    "linear",
    "momentum",
    "norm",
    "velocity",
    "velocity_hat",
)
# What optimizers before tf.keras 2.11 called them, at the end of a name.
_OLD_SLOTS = {
    "accum_grad": ("accumulated_grad",),
    "accum_var": ("accumulated_delta_var",),
    "accumulator": ("accumulator",),
    "linear": ("linear",),
    "m": ("momentum",),
    "mg": ("average_gradient",),
    "momentum": ("momentum",),
    "rms": ("velocity",),
    "v": ("velocity", "norm"),
    "vhat": ("velocity_hat",),
}
# The product of all momenta of Nadam.
_PRODUCTS = ("momentum_cache", "m_schedule")
_COUNTERS = ("iter", "iteration", "iterations")

Array = np.ndarray | _raw.Stored
Pairs = list[tuple[Any, Array]]


def matched(optimizer: Any, arrays: list[Array], names: list[str] | None = None) -> Pairs | None:
    """Variables of an optimizer with their values; None where the file's do not fit.

    tf.keras since 2.11 kept no learning rate beside the slots, and else the order of today. Before,
    all of one slot came first, then all of the next.
    """
    pairs = _matched(list(optimizer.variables), arrays, names)
    product = getattr(optimizer, "_product", None)
    if pairs and product is not None and all(v is not product.variable for v, _ in pairs):
        # tf.keras did not keep the product of Nadam's momenta.
        steps = int(np.asarray(pairs[0][1]))
        momenta = [optimizer._momentum_at(step) for step in range(1, min(steps, 10_000) + 1)]
        pairs.append((product.variable, np.prod(momenta)))
    return pairs


def _matched(variables: list, arrays: list[Array], names: list[str] | None) -> Pairs | None:
    if _shapes(variables) == _shapes(arrays):
        return list(zip(variables, arrays))
    kinds = [re.sub(r":\d+$", "", name).rpartition("/")[2] for name in names or ()]
    # A slot last in its name is as it was before 2.11, as are variables without a name.
    if any(kind in _OLD_SLOTS and "/" in name for kind, name in zip(kinds, names or ())):
        return _by_name(variables, kinds, arrays)
    if any(kind.startswith(("Variable", "param_", "variable")) for kind in kinds):
        return _by_slot(variables, arrays)
    return _in_order(variables, arrays)


def _shapes(values: list) -> list[tuple[int, ...]]:
    return [tuple(value.shape) for value in values]


def _slot(variable: Any) -> str | None:
    found = [slot for slot in _SLOTS if variable.path.endswith(f"_{slot}")]
    return max(found, key=len, default=None)


def _by_name(variables: list, kinds: list[str], arrays: list[Array]) -> Pairs | None:
    pairs = []
    counts: dict[str, int] = {}
    for kind, array in zip(kinds, arrays):
        if kind in _COUNTERS:
            found = variables[:1]
        elif kind in _PRODUCTS:
            found = variables[-1:]
        else:
            number = counts[kind] = counts.get(kind, -1) + 1
            same = [v for v in variables if _slot(v) in _OLD_SLOTS.get(kind, ())]
            found = same[number : number + 1]
        if not found or tuple(found[0].shape) != array.shape:
            return None
        pairs.append((found[0], array))
    slots = [v for v in variables if _slot(v) is not None]
    return pairs if len(pairs) >= len(slots) else None


def _by_slot(variables: list, arrays: list[Array]) -> Pairs | None:
    """Keras 1 and 2 before tf.keras: numbers first, then slot by slot."""
    kinds = dict.fromkeys(slot for v in variables if (slot := _slot(v)) is not None)
    grouped = [v for kind in kinds for v in variables if _slot(v) == kind]
    numbers = 0
    while numbers < len(arrays) and arrays[numbers].shape == () and numbers < 2:
        numbers += 1
    rest = arrays[numbers : numbers + len(grouped)]
    # Where there was no third moment, there stood a single number for each.
    beyond = arrays[numbers + len(grouped) :]
    if _shapes(rest) != _shapes(grouped) or any(a.shape != (1,) for a in beyond):
        return None
    counter = [(variables[0], arrays[0])] if numbers else []
    return counter + list(zip(grouped, rest))


def _in_order(variables: list, arrays: list[Array]) -> Pairs | None:
    rest = [v for v in variables if not v.path.endswith("/learning_rate")]
    if len(rest) == 1 and arrays and arrays[0].shape == ():
        # Slots that were kept though nothing used them, as without momentum.
        return [(rest[0], arrays[0])]
    pairs = []
    ahead = iter(arrays)
    array = next(ahead, None)
    for variable in rest:
        if array is not None and tuple(variable.shape) == array.shape:
            pairs.append((variable, array))
            array = next(ahead, None)
        elif variable.shape != ():
            # Only numbers may be missing, which stand for what a variable has no use for.
            return None
    return pairs if array is None else None
