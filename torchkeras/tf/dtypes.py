"""`tf.dtypes`: TensorFlow's dtype names, which are torch's dtypes."""

import torch

from torchkeras.tf._convert import as_dtype, convert_to_tensor
from torchkeras.tf._missing import missing_from

__all__ = [
    "DType",
    "as_dtype",
    "bfloat16",
    "bool",
    "cast",
    "complex128",
    "complex64",
    "double",
    "float16",
    "float32",
    "float64",
    "half",
    "int16",
    "int32",
    "int64",
    "int8",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
]

DType = torch.dtype
bfloat16 = torch.bfloat16
float16 = half = torch.float16
float32 = torch.float32
float64 = double = torch.float64
complex64 = torch.complex64
complex128 = torch.complex128
int8 = torch.int8
int16 = torch.int16
int32 = torch.int32
int64 = torch.int64
uint8 = torch.uint8
uint16 = torch.uint16
uint32 = torch.uint32
uint64 = torch.uint64
bool = torch.bool


def cast(x, dtype, name=None):
    """`x` in another dtype; from floats to integers it rounds towards zero."""
    return convert_to_tensor(x).to(as_dtype(dtype))


__getattr__ = missing_from("tf.dtypes")
