"""`tf.config`: which devices there are."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from torchkeras import config as _config
from torchkeras.tf._missing import missing_from

__all__ = [
    "LogicalDevice",
    "LogicalDeviceConfiguration",
    "PhysicalDevice",
    "experimental",
    "experimental_connect_to_cluster",
    "experimental_connect_to_host",
    "experimental_functions_run_eagerly",
    "experimental_run_functions_eagerly",
    "functions_run_eagerly",
    "get_logical_device_configuration",
    "get_soft_device_placement",
    "get_visible_devices",
    "list_logical_devices",
    "list_physical_devices",
    "optimizer",
    "run_functions_eagerly",
    "set_logical_device_configuration",
    "set_soft_device_placement",
    "set_visible_devices",
    "threading",
]


class PhysicalDevice(NamedTuple):
    """A device of this machine: `name` as TensorFlow writes it, and "CPU" or "GPU"."""

    name: str
    device_type: str


class LogicalDevice(NamedTuple):
    """A device that tensors can live on: `name` as TensorFlow writes it, and "CPU" or "GPU"."""

    name: str
    device_type: str


def _devices(kind: str | None, make, prefix: str) -> list:
    counts = {"CPU": 1, "GPU": torch.cuda.device_count()}
    return [
        make(f"/{prefix}:{device_type}:{i}", device_type)
        for device_type, count in counts.items()
        if kind in (None, device_type)
        for i in range(count)
    ]


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The machine's devices, all or those of type "CPU" or "GPU"; GPUs are torch's CUDA devices."""
    return _devices(device_type, PhysicalDevice, "physical_device")


def list_logical_devices(device_type: str | None = None) -> list[LogicalDevice]:
    """The devices that tensors can live on: as many as there are physical ones."""
    return _devices(device_type, LogicalDevice, "device")


# What scripts import from `tensorflow.python.client` to print which devices there are.
device_lib = SimpleNamespace(list_local_devices=lambda session_config=None: list_logical_devices())


def set_visible_devices(devices, device_type=None) -> None:
    """Where new tensors and weights live: the first GPU named, or the CPU when none is.

    Naming only CPU devices (`device_type="CPU"`) changes nothing: the CPU is always there.
    """
    if device_type == "CPU":
        return
    devices = devices if isinstance(devices, list) else [devices]
    gpus = [device.name.rpartition(":")[2] for device in devices if device.device_type == "GPU"]
    _config.set_device_override(torch.device(f"cuda:{gpus[0]}" if gpus else "cpu"))


def _set_memory_growth(device, enable) -> None:
    """Memory on a GPU is taken as it is needed, which is what torch always does.

    Raises:
        ValueError: `enable` is False: torch cannot take all memory at once.
    """
    if not enable:
        raise ValueError(
            "torch takes GPU memory as it is needed and has no other mode. "
            f"Received: device={device}, enable={enable}"
        )


def get_visible_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The machine's devices."""
    return list_physical_devices(device_type)


class LogicalDeviceConfiguration:
    """How much memory (MiB) a part of a device may take."""

    def __init__(self, memory_limit: int | None = None, experimental_priority: int | None = None):
        self.memory_limit = memory_limit


def set_logical_device_configuration(device: PhysicalDevice, logical_devices: list) -> None:
    """Limits the memory of a GPU; a GPU is not cut into several devices.

    Raises:
        ValueError: several devices are asked for.
    """
    if len(logical_devices) != 1:
        raise ValueError(
            "A device cannot be cut into several. "
            f"Received: logical_devices of length {len(logical_devices)}"
        )
    limit = logical_devices[0].memory_limit
    if limit is not None and device.device_type == "GPU":
        index = int(device.name.rpartition(":")[2])
        whole = torch.cuda.get_device_properties(index).total_memory
        torch.cuda.set_per_process_memory_fraction(min(limit * 2**20 / whole, 1.0), index)


_eagerly = [False]


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Functions run eagerly in any case, but for those with `jit_compile=True`."""
    _eagerly[0] = bool(run_eagerly)


def functions_run_eagerly() -> bool:
    """What `run_functions_eagerly` was told."""
    return _eagerly[0]


experimental_run_functions_eagerly = run_functions_eagerly
experimental_functions_run_eagerly = functions_run_eagerly


def get_soft_device_placement() -> bool:
    """True: a GPU that is not there is the CPU."""
    return True


def set_soft_device_placement(enabled: bool) -> None:
    """A GPU that is not there is the CPU.

    Raises:
        ValueError: `enabled` is False.
    """
    if not enabled:
        raise ValueError(f"tf.device always falls back to the CPU. Received: enabled={enabled}")


def _cluster(cluster_spec_or_resolver: Any = None, *args: Any, **kwargs: Any) -> None:
    """Raises `ValueError`: several machines are torchrun's."""
    raise ValueError(
        "Clusters of TensorFlow's are not used; several machines are torchrun's. "
        f"Received: {cluster_spec_or_resolver!r}"
    )


experimental_connect_to_cluster = _cluster
experimental_connect_to_host = _cluster


def _memory_info(device: str) -> dict[str, int]:
    """Bytes of a GPU's memory that are used now and were at most."""
    index = int(str(device).rpartition(":")[2])
    return {
        "current": torch.cuda.memory_allocated(index),
        "peak": torch.cuda.max_memory_allocated(index),
    }


def _device_details(device: PhysicalDevice) -> dict[str, Any]:
    """Name and compute capability of a GPU."""
    if device.device_type != "GPU":
        return {}
    index = int(device.name.rpartition(":")[2])
    return {
        "device_name": torch.cuda.get_device_name(index),
        "compute_capability": torch.cuda.get_device_capability(index),
    }


def _set_tensor_float_32(enabled: bool) -> None:
    """Whether matrix products on a GPU may round their factors to 10 bits."""
    torch.set_float32_matmul_precision("high" if enabled else "highest")


threading = SimpleNamespace(
    get_inter_op_parallelism_threads=torch.get_num_interop_threads,
    get_intra_op_parallelism_threads=torch.get_num_threads,
    set_inter_op_parallelism_threads=torch.set_num_interop_threads,
    set_intra_op_parallelism_threads=torch.set_num_threads,
)

_optimizer_options: dict[str, Any] = {}
optimizer = SimpleNamespace(
    get_experimental_options=lambda: dict(_optimizer_options),
    get_jit=lambda: "",
    set_experimental_options=_optimizer_options.update,
    set_jit=lambda enabled: _optimizer_options.update(jit=enabled),
)


def _memory_usage(device: str) -> int:
    """Bytes of a GPU's memory that are used now."""
    return _memory_info(device)["current"]


def _reset_memory_stats(device: str) -> None:
    """Lets the most memory that was used be what is used now."""
    torch.cuda.reset_peak_memory_stats(int(str(device).rpartition(":")[2]))


def _memory_growth(device: PhysicalDevice) -> bool:
    """True: torch takes the memory that it needs."""
    return True


def _op_determinism() -> None:
    """The same numbers in every run: torch's deterministic algorithms."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


def _tensor_float_32() -> bool:
    """Whether matrix products on a GPU may round their factors to 10 bits."""
    return torch.get_float32_matmul_precision() != "highest"


def get_logical_device_configuration(device: PhysicalDevice) -> None:
    """None: a device is not cut into several."""


def _nothing(*args: Any, **kwargs: Any) -> None:
    """It is for TensorFlow's own runtime."""


experimental = SimpleNamespace(
    disable_mlir_bridge=_nothing,
    enable_mlir_bridge=_nothing,
    enable_op_determinism=_op_determinism,
    get_memory_growth=_memory_growth,
    get_memory_usage=_memory_usage,
    get_synchronous_execution=lambda: True,
    get_virtual_device_configuration=get_logical_device_configuration,
    reset_memory_stats=_reset_memory_stats,
    set_synchronous_execution=_nothing,
    tensor_float_32_execution_enabled=_tensor_float_32,
    VirtualDeviceConfiguration=LogicalDeviceConfiguration,
    enable_tensor_float_32_execution=_set_tensor_float_32,
    get_device_details=_device_details,
    get_memory_info=_memory_info,
    get_visible_devices=get_visible_devices,
    list_logical_devices=list_logical_devices,
    list_physical_devices=list_physical_devices,
    set_memory_growth=_set_memory_growth,
    set_virtual_device_configuration=set_logical_device_configuration,
    set_visible_devices=set_visible_devices,
)

__getattr__ = missing_from("tf.config")
