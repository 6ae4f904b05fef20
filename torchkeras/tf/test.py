"""`tf.test`: a test case that compares tensors, and what the machine can do."""

import contextlib
import tempfile
import unittest
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras import tree
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tape import GradientTape
from torchkeras.tf._tensor import sealed

__all__ = [
    "TestCase",
    "compute_gradient",
    "get_temp_dir",
    "gpu_device_name",
    "is_built_with_cuda",
    "is_built_with_gpu_support",
    "is_built_with_rocm",
    "is_built_with_xla",
    "is_gpu_available",
    "main",
]

main = unittest.main


def gpu_device_name() -> str:
    """ "/device:GPU:0" where there is a GPU, else nothing."""
    return "/device:GPU:0" if torch.cuda.is_available() else ""


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Whether there is a GPU."""
    return torch.cuda.is_available()


def is_built_with_cuda() -> bool:
    """Whether torch can use NVIDIA's GPUs."""
    return torch.version.cuda is not None


def is_built_with_rocm() -> bool:
    """Whether torch can use AMD's GPUs."""
    return torch.version.hip is not None


def is_built_with_gpu_support() -> bool:
    """Whether torch can use GPUs."""
    return is_built_with_cuda() or is_built_with_rocm()


def is_built_with_xla() -> bool:
    """False: `jit_compile=True` is `torch.compile`."""
    return False


def get_temp_dir() -> str:
    """A new folder for files of a test."""
    return tempfile.mkdtemp()


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


class TestCase(unittest.TestCase):
    """`unittest.TestCase` that knows tensors."""

    __test__ = False  # what scripts make of it is collected, this is not

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__test__ = True

    def evaluate(self, tensors: Any) -> Any:
        """The values of tensors, as NumPy has them."""
        return tree.map_structure(lambda x: x.numpy() if hasattr(x, "numpy") else x, tensors)

    def get_temp_dir(self) -> str:
        """A new folder for files of this test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    @contextlib.contextmanager
    def session(self, graph=None, config=None, use_gpu=True, force_gpu=False):
        """Nothing: operations run at once."""
        yield None

    cached_session = session

    def _each(self, a: Any, b: Any, check: Callable[[Any, Any], None]) -> None:
        if isinstance(a, dict):
            self.assertEqual(set(a), set(b))
            for key, value in a.items():
                self._each(value, b[key], check)
        elif isinstance(a, list | tuple) and any(hasattr(x, "numpy") for x in a):
            self.assertEqual(len(a), len(b))
            for one, other in zip(a, b):
                self._each(one, other, check)
        else:
            check(_array(a), _array(b))

    def assertAllClose(self, a, b, rtol=1e-6, atol=1e-6, msg=None):  # noqa: N802
        """Fails unless all elements are nearly the same."""

        def check(one, other):
            np.testing.assert_allclose(one, other, rtol, atol, err_msg=msg or "")

        self._each(a, b, check)

    def assertNotAllClose(self, a, b, rtol=1e-6, atol=1e-6, msg=None):  # noqa: N802
        """Fails where all elements are nearly the same."""
        if np.allclose(_array(a), _array(b), rtol, atol):
            self.fail(self._formatMessage(msg, "The two values are close at all elements."))

    def assertAllEqual(self, a, b, msg=None):  # noqa: N802
        """Fails unless shapes and all elements are the same."""
        one, other = _array(a), _array(b)
        self.assertEqual(one.shape, other.shape, msg)
        np.testing.assert_array_equal(one, other, err_msg=msg or "")

    def assertNotAllEqual(self, a, b, msg=None):  # noqa: N802
        """Fails where all elements are the same."""
        if np.array_equal(_array(a), _array(b)):
            self.fail(self._formatMessage(msg, "The two values are equal at all elements."))

    def _assert_all(self, condition: np.ndarray, what: str) -> None:
        if not np.all(condition):
            self.fail(f"Not all elements are {what}.")

    def assertAllGreater(self, a, comparison_target):  # noqa: N802
        """Fails unless all elements are greater."""
        self._assert_all(_array(a) > comparison_target, f"greater than {comparison_target}")

    def assertAllGreaterEqual(self, a, comparison_target):  # noqa: N802
        """Fails unless all elements are greater or equal."""
        self._assert_all(_array(a) >= comparison_target, f"at least {comparison_target}")

    def assertAllLess(self, a, comparison_target):  # noqa: N802
        """Fails unless all elements are less."""
        self._assert_all(_array(a) < comparison_target, f"less than {comparison_target}")

    def assertAllLessEqual(self, a, comparison_target):  # noqa: N802
        """Fails unless all elements are less or equal."""
        self._assert_all(_array(a) <= comparison_target, f"at most {comparison_target}")

    def assertAllInRange(self, target, lower_bound, upper_bound):  # noqa: N802
        """Fails unless all elements lie between the bounds, which count."""
        values = _array(target)
        is_inside = (values >= lower_bound) & (values <= upper_bound)
        self._assert_all(is_inside, f"in [{lower_bound}, {upper_bound}]")

    def assertAllInSet(self, target, expected_set):  # noqa: N802
        """Fails unless all elements are in a set."""
        self._assert_all(np.isin(_array(target), list(expected_set)), f"in {expected_set}")

    def assertShapeEqual(self, input_a, input_b, msg=None):  # noqa: N802
        """Fails unless the shapes are the same."""
        self.assertEqual(tuple(input_a.shape), tuple(input_b.shape), msg)

    def assertDTypeEqual(self, target, expected_dtype):  # noqa: N802
        """Fails unless the elements have the dtype."""
        self.assertEqual(_array(target).dtype, np.dtype(expected_dtype))

    def assertNear(self, f1, f2, err, msg=None):  # noqa: N802
        """Fails unless two numbers differ by `err` at most."""
        self.assertLessEqual(abs(float(f1) - float(f2)), err, msg)

    def assertArrayNear(self, farray1, farray2, err, msg=None):  # noqa: N802
        """Fails unless the numbers of two arrays differ by `err` at most."""
        np.testing.assert_allclose(_array(farray1), _array(farray2), 0, err, err_msg=msg or "")

    def assertStartsWith(self, actual, expected_start, msg=None):  # noqa: N802
        """Fails unless a text starts so."""
        if not actual.startswith(expected_start):
            text = f"{actual!r} does not start with {expected_start!r}"
            self.fail(self._formatMessage(msg, text))


def compute_gradient(f: Callable, x: list, delta: float | None = None) -> tuple[list, list]:
    """The derivatives of `f(*x)` by each of `x`, (elements of f, elements of x): those of a tape,
    and differences of values."""
    inputs = [sealed(as_tensor(value)) for value in x]
    with GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        outcome = f(*inputs)
    exact = [tape.jacobian(outcome, value) for value in inputs]
    size = int(np.prod(_array(outcome).shape))
    reckoned = [part.numpy().reshape(size, -1) for part in exact]
    return reckoned, [_differences(f, inputs, place, size, delta) for place, _ in enumerate(inputs)]


def _differences(f: Callable, inputs: list, place: int, size: int, delta: float | None):
    """Central differences by the elements of an input."""
    given = inputs[place].numpy()
    step = 1.0 / 1024 if delta is None else delta
    found = np.zeros((size, given.size), given.dtype)
    for column in range(given.size):
        ends = []
        for sign in (1, -1):
            moved = given.copy().reshape(-1)
            moved[column] += sign * step
            changed = [*inputs]
            changed[place] = sealed(as_tensor(moved.reshape(given.shape)))
            ends.append(_array(f(*changed)).reshape(-1))
        found[:, column] = (ends[0] - ends[1]) / (2 * step)
    return found


__getattr__ = missing_from("tf.test")
