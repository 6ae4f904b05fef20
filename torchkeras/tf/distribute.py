"""`tf.distribute`: strategies as scopes on one device."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from torchkeras import config as _config
from torchkeras import tree
from torchkeras.tf._control import device as _device
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import sealed

__all__ = [
    "CentralStorageStrategy",
    "DistributedDataset",
    "DistributedValues",
    "HierarchicalCopyAllReduce",
    "InputContext",
    "MirroredStrategy",
    "MultiWorkerMirroredStrategy",
    "NcclAllReduce",
    "OneDeviceStrategy",
    "ReduceOp",
    "ReductionToOneDevice",
    "ReplicaContext",
    "Strategy",
    "cluster_resolver",
    "experimental",
    "get_replica_context",
    "get_strategy",
    "has_strategy",
    "in_cross_replica_context",
]


class ReduceOp:
    """How the values of replicas become one."""

    SUM = "SUM"
    MEAN = "MEAN"


class CrossDeviceOps:
    """How TensorFlow would add up what several devices have computed."""

    def __init__(self, *args: Any, **kwargs: Any):
        self.options = (args, kwargs)


class HierarchicalCopyAllReduce(CrossDeviceOps):
    """One of these ways."""


class NcclAllReduce(CrossDeviceOps):
    """One of these ways."""


class ReductionToOneDevice(CrossDeviceOps):
    """One of these ways."""


class DistributedValues(tuple):
    """The values of all replicas."""


class InputContext:
    """Which part of the input is this process's: all of it."""

    num_input_pipelines = 1
    input_pipeline_id = 0
    num_replicas_in_sync = 1

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """The batch size of a replica."""
        return global_batch_size


class ReplicaContext:
    """What a replica knows of the others."""

    replica_id_in_sync_group = 0
    num_replicas_in_sync = 1

    def all_reduce(self, reduce_op: str, value: Any, options: Any = None) -> Any:
        """The values of all replicas as one."""
        return value

    def merge_call(self, merge_fn: Callable, args: tuple = (), kwargs: dict | None = None) -> Any:
        """`merge_fn(strategy, *args)`."""
        return merge_fn(get_strategy(), *args, **(kwargs or {}))


class Strategy:
    """A single replica, on the device of the process; `scope()` does not change what is made.

    Training on several GPUs is torch's: `torchrun` with DistributedDataParallel.
    """

    num_replicas_in_sync = 1

    def __init__(self, *args: Any, **kwargs: Any):
        self.extended = self
        self._devices = [str(_config.default_device())]

    @contextlib.contextmanager
    def scope(self) -> Iterator["Strategy"]:
        """Inside, `tf.distribute.get_strategy()` is this one."""
        _strategies.append(self)
        try:
            yield self
        finally:
            _strategies.remove(self)

    def run(self, fn: Callable, args: tuple = (), kwargs: dict | None = None, options=None) -> Any:
        """`fn(*args, **kwargs)`, in the only replica."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: str, value: Any, axis: Any = None) -> Any:
        """The values of all replicas as one; along `axis` too, where it is not None."""
        if axis is None:
            return value

        def reduced(x):
            x = as_tensor(x)
            return sealed(x.sum(axis) if reduce_op == ReduceOp.SUM else x.mean(axis))

        return tree.map_structure(reduced, value)

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """The dataset."""
        return dataset

    def distribute_datasets_from_function(self, dataset_fn: Callable, options: Any = None) -> Any:
        """The dataset that the function makes."""
        return dataset_fn(InputContext())

    experimental_distribute_datasets_from_function = distribute_datasets_from_function

    def experimental_local_results(self, value: Any) -> tuple:
        """The value of each replica."""
        return (value,)

    def experimental_distribute_values_from_function(self, value_fn: Callable) -> Any:
        """The value that the function makes."""
        return value_fn(ReplicaContext())

    def gather(self, value: Any, axis: int) -> Any:
        """The values of all replicas, one after the other."""
        return value


class MirroredStrategy(Strategy):
    """One replica for each GPU in TensorFlow; here a single one."""

    def __init__(self, devices: Any = None, cross_device_ops: Any = None):
        super().__init__(devices, cross_device_ops)


class MultiWorkerMirroredStrategy(Strategy):
    """Several machines in TensorFlow; here a single replica."""

    def __init__(self, cluster_resolver: Any = None, communication_options: Any = None):
        super().__init__(cluster_resolver, communication_options)
        self.cluster_resolver = cluster_resolver


class CentralStorageStrategy(Strategy):
    """Variables on the CPU in TensorFlow; here where all are."""


class OneDeviceStrategy(Strategy):
    """A single device, on which all inside the scope is made."""

    def __init__(self, device: str):
        super().__init__(device)
        self._name = device

    @contextlib.contextmanager
    def scope(self) -> Iterator["OneDeviceStrategy"]:
        """Inside, new tensors and weights are on the device."""
        with super().scope(), _device(self._name):
            yield self


DistributedDataset = torch.utils.data.IterableDataset

_default = Strategy()
_strategies: list[Strategy] = []


def get_strategy() -> Strategy:
    """The strategy whose scope this is."""
    return _strategies[-1] if _strategies else _default


def has_strategy() -> bool:
    """Whether this is within a strategy's scope."""
    return bool(_strategies)


def get_replica_context() -> ReplicaContext:
    """What this replica knows of the others."""
    return ReplicaContext()


def in_cross_replica_context() -> bool:
    """Whether this is outside of a replica."""
    return bool(_strategies)


class _NoCluster:
    """A name that needs a cluster of machines or a TPU."""

    def __init__(self, name: str):
        self._name = name

    def __call__(self, *args, **kwargs):
        raise ValueError(
            f"{self._name} needs a TPU or a cluster of TensorFlow's, which torchkeras does not "
            "use. Train on one device, or on several with torchrun and DistributedDataParallel."
        )


class cluster_resolver:  # noqa: N801
    """`tf.distribute.cluster_resolver`: there are no clusters to find."""

    TPUClusterResolver = _NoCluster("tf.distribute.cluster_resolver.TPUClusterResolver")
    TFConfigClusterResolver = _NoCluster("tf.distribute.cluster_resolver.TFConfigClusterResolver")
    SimpleClusterResolver = _NoCluster("tf.distribute.cluster_resolver.SimpleClusterResolver")


class experimental:  # noqa: N801
    """`tf.distribute.experimental`: older names."""

    MultiWorkerMirroredStrategy = MultiWorkerMirroredStrategy
    CentralStorageStrategy = CentralStorageStrategy
    TPUStrategy = _NoCluster("tf.distribute.experimental.TPUStrategy")
    ParameterServerStrategy = _NoCluster("tf.distribute.experimental.ParameterServerStrategy")


TPUStrategy = _NoCluster("tf.distribute.TPUStrategy")
ParameterServerStrategy = _NoCluster("tf.distribute.ParameterServerStrategy")
__all__ += ["ParameterServerStrategy", "TPUStrategy"]

__getattr__ = missing_from("tf.distribute")
