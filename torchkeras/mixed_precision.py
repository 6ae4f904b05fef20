"""The names of `keras.mixed_precision`."""

from torchkeras.config import dtype_policy, set_dtype_policy
from torchkeras.dtype_policies import DTypePolicy
from torchkeras.optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy
