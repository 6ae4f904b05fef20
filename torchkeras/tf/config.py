"""`tf.config`: which devices there are."""

from types import SimpleNamespace
from typing import NamedTuple

import torch

from torchkeras import config as _config
from torchkeras.tf._missing import missing_from

__all__ = [
    "LogicalDevice",
    "PhysicalDevice",
    "experimental",
    "list_logical_devices",
    "list_physical_devices",
    "set_visible_devices",
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


experimental = SimpleNamespace(
    list_logical_devices=list_logical_devices,
    list_physical_devices=list_physical_devices,
    set_memory_growth=_set_memory_growth,
    set_visible_devices=set_visible_devices,
)

__getattr__ = missing_from("tf.config")
