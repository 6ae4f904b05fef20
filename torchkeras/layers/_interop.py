"""Modules of torch as Keras layers."""

from torch import nn

from torchkeras.layers._base import Layer

__all__ = ["TorchModuleWrapper"]


class TorchModuleWrapper(Layer):
    """A `torch.nn.Module` as a layer: its parameters and buffers are the layer's weights.

    Args:
        module: the module.
        output_shape: shape of the output, where the module cannot be run on tensors without values.

    Input shape: that of the module
    Output shape: that of the module
    """

    def __init__(self, module, name=None, output_shape=None, **kwargs):
        if not isinstance(module, nn.Module):
            raise ValueError(
                f"Argument `module` must be a torch.nn.Module. Received: module={module}"
            )
        super().__init__(name=name, **kwargs)
        self.module = module
        self.output_shape = output_shape

    def call(self, *args, training=None, **kwargs):
        if training is not None and training != self.module.training:
            self.module.train(training)
        return self.module(*args, **kwargs)
