"""Keras's API on PyTorch: `import torchkeras as keras`."""

import sys as _sys

from torchkeras import (
    activations,
    applications,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    dtype_policies,
    export,
    initializers,
    layers,
    legacy,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    tree,
    utils,
    visualization,
    wrappers,
)
from torchkeras._naming import name_scope
from torchkeras._op import Operation
from torchkeras._scopes import RematScope, StatelessScope, SymbolicScope, device, remat
from torchkeras._symbolic import KerasTensor
from torchkeras._variable import Variable
from torchkeras._version import __version__
from torchkeras.dtype_policies import DTypePolicy, FloatDTypePolicy
from torchkeras.initializers import Initializer
from torchkeras.layers import Input, InputSpec, Layer
from torchkeras.legacy import _open
from torchkeras.losses import Loss
from torchkeras.metrics import Metric
from torchkeras.models import Model, Sequential
from torchkeras.models._function import Function
from torchkeras.optimizers import Optimizer
from torchkeras.regularizers import Regularizer


def version() -> str:
    """The version of this package."""
    return __version__


_open.install(_sys.modules[__name__])
