"""CUDA graphs: a training step that is recorded once and then played back.

A small model's step is dozens of kernels that take less time than their launches. Played back from
a graph they are one launch.
"""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchkeras import random as keras_random
from torchkeras import tree
from torchkeras._data import unpack_x_y_sample_weight
from torchkeras._errors import warn
from torchkeras._training.loop import Logs
from torchkeras._training.torch_parts import TorchMetric
from torchkeras._variable import revision

__all__ = ["CapturedStep", "CudaRecorder", "can_capture"]

# Batches of a shape that run as they are before the step is recorded: libraries set themselves up.
WARM_UP = 3
# Each graph holds the memory of a step.
MOST_GRAPHS = 4


def can_capture(model, device: torch.device, own_step: bool) -> bool:
    """Whether a model's training steps may be recorded, as far as can be told before one ran.

    Args:
        device: where the model computes.
        own_step: whether `train_step` and what it calls are ours; a user's may read values.
    """
    parts = () if model._compile_metrics is None else metrics_given(model)
    return (
        device.type == "cuda"
        and own_step
        and not model.run_eagerly
        and (model.jit_compile or model.steps_per_execution > 1)
        and model.optimizer is not None
        and model._live_scope is None
        and not makes_own_graphs(model._jit_options)
        and not any(isinstance(part, TorchMetric) for part in parts)
    )


def metrics_given(model) -> list:
    """The metrics of `compile` once they are known, none before the first step."""
    return model._compile_metrics.metrics


def makes_own_graphs(options: dict[str, Any]) -> bool:
    """Whether `torch.compile` with these options records CUDA graphs itself."""
    mode = options.get("mode")
    inner = options.get("options") or {}
    return mode in ("reduce-overhead", "max-autotune") or bool(inner.get("triton.cudagraphs"))


class CudaRecorder:
    """Runs and records functions on a stream of its own."""

    def __init__(self):
        self.stream = torch.cuda.Stream()
        self.pool = torch.cuda.graph_pool_handle()

    @contextlib.contextmanager
    def warming_up(self):
        """Inside, work goes to the stream that recording uses, after what came before."""
        current = torch.cuda.current_stream()
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            yield
        current.wait_stream(self.stream)

    def record(self, function: Callable[[], None]) -> Any:
        """The graph of a call of the function, which computes nothing yet."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            function()
        return graph


class Recorded(NamedTuple):
    """A graph, where it reads a batch and where it leaves the gradients."""

    graph: Any
    inputs: list[Tensor]
    weights: list[Tensor]
    gradients: list[Tensor | None]


class CapturedStep:
    """A model's `train_step` with forward pass, backward pass and metrics played from a CUDA graph.

    The optimizer's step follows outside of the graph, since its rates are numbers of the host. A
    batch of a new shape runs as it is; so do all batches of a model that draws numbers on the host,
    which a graph would repeat.
    """

    def __init__(self, model, recorder=None):
        self.model = model
        self.recorder = CudaRecorder() if recorder is None else recorder
        self.scale: Tensor | None = None
        self.scale_now = 1.0
        self.forget()
        self.gave_up = False

    def forget(self) -> None:
        """Drops all graphs, as when weights were moved, made or frozen."""
        self.graphs: dict[tuple, Recorded] = {}
        self.seen: dict[tuple, int] = {}
        self.valid_for = self._weights_now()

    def _weights_now(self) -> tuple:
        weights = self.model._trained()
        ends = (weights[0].data_ptr(), weights[-1].data_ptr()) if weights else ()
        return (revision.count, len(weights), *ends)

    def __call__(self, data):
        if self.gave_up:
            return self.model.train_step(data)
        if self._weights_now() != self.valid_for:
            self.forget()
        flat = tree.flatten(data)
        key = shape_key(flat)
        if key is None:
            return self.model.train_step(data)
        recorded = self.graphs.get(key)
        if recorded is None:
            self.seen[key] = self.seen.get(key, 0) + 1
            if self.seen[key] <= WARM_UP or len(self.graphs) >= MOST_GRAPHS:
                return self._warm_up(data)
            recorded = self._record(data, flat)
            if recorded is None:
                return self.model.train_step(data)
            self.graphs[key] = recorded
        self._play(recorded, flat)
        return Logs(self.model.get_metrics_result)

    def _warm_up(self, data):
        before = randomness(self.model)
        with self.recorder.warming_up():
            results = self.model.train_step(data)
        if randomness(self.model) != before:
            self.gave_up = True
        # Layers may have been built, and metrics made.
        self.valid_for = self._weights_now()
        return results

    def _record(self, data, flat: list) -> Recorded | None:
        tensors = [x for x in flat if isinstance(x, Tensor)]
        if self.scale is None:
            self.scale = torch.ones((), device=tensors[0].device)
        copies = [None if x is None else x.clone() for x in flat]
        batch = tree.pack_sequence_as(data, copies)
        weights = list(self.model._trained())
        gradients: list[Tensor | None] = []

        def step():
            gradients[:] = self._forward_and_backward(batch, weights)

        try:
            graph = self.recorder.record(step)
        except RuntimeError as error:
            self.gave_up = True
            warn(
                "The training step cannot be recorded as a CUDA graph and runs without one: "
                f"{error}"
            )
            return None
        finally:
            for weight in weights:
                weight.grad = None
        return Recorded(graph, [x for x in copies if x is not None], weights, gradients)

    def _forward_and_backward(self, batch, weights: list[Tensor]) -> list[Tensor | None]:
        """The gradients of a batch; its loss and metrics are added up."""
        model = self.model
        x, y, sample_weight = unpack_x_y_sample_weight(batch)
        y_pred, loss = model._forward(x, y, sample_weight)
        gradients = model._backward(loss * self.scale.to(loss.dtype), weights)
        model.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
        return gradients

    def _play(self, recorded: Recorded, flat: list) -> None:
        torch._foreach_copy_(recorded.inputs, [x for x in flat if x is not None])
        optimizer = self.model.optimizer
        scale = optimizer.scale_loss(1.0)
        if scale != self.scale_now:
            self.scale.fill_(scale)
            self.scale_now = scale
        recorded.graph.replay()
        optimizer.apply(recorded.gradients, recorded.weights)
        for weight in recorded.weights:
            weight.grad = None


def shape_key(flat: list) -> tuple | None:
    """What a graph is recorded for: shapes, dtypes and devices; None where a leaf is no tensor."""
    key = []
    for leaf in flat:
        if isinstance(leaf, Tensor):
            key.append((leaf.shape, leaf.dtype, leaf.device))
        elif leaf is None:
            key.append(None)
        else:
            return None
    return tuple(key)


def randomness(model) -> list:
    """The states of the generators on the host that a model may draw from."""
    generators = [g for layer in model._flatten_layers() for g in layer._seed_generators]
    shared = keras_random._global.generator
    if shared is not None:
        generators.append(shared)
    return [torch.get_rng_state().tolist(), *(g.state.tolist() for g in generators)]
