"""`Functional`: what `Model(inputs, outputs)` makes."""

import inspect

from torchkeras.models._graph import run_graph
from torchkeras.models._model import Model

__all__ = ["Functional"]


class Functional(Model):
    """A model whose calls run a graph of layers and operations.

    Args:
        inputs: nest of symbolic tensors.
        outputs: nest of symbolic tensors computed from them.
    """

    _keras_module = "keras.src.models.functional"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)

    __init__.__signature__ = inspect.signature(
        lambda self, inputs, outputs, name=None, **kwargs: None
    )

    def call(self, inputs, training=None, mask=None):
        return run_graph(self, inputs, mask)

    call.runs_the_graph = True


Model._functional_class = Functional
