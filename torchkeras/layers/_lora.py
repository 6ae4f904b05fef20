"""Low-rank adaptation: a frozen weight, and two small ones beside it that are trained instead."""

import torch
from torch import nn

from torchkeras import initializers

__all__ = []


class Lora(nn.Module):
    """Lets a layer train a low-rank addition to its weight `_lora_target` instead of the weight.

    `call` takes the weight from `_adapted()` once `lora_enabled` is set. Saved files hold the sum
    of both.
    """

    _lora_target = "kernel"
    lora_enabled = False

    def _take_lora(self, rank, alpha):
        """Keeps the two arguments of the constructor."""
        self.lora_rank = rank
        self.lora_alpha = alpha if alpha is not None else rank

    def _enable_lora_if_asked(self):
        """For the end of `build`."""
        if self.lora_rank:
            self.built = True
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    @property
    def variable_serialization_spec(self):
        """Names of the weights in the order in which files keep them, by quantization mode."""
        return {None: [self._lora_target, *(["bias"] if hasattr(self, "use_bias") else [])]}

    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        """Freezes the weight; adds the product of two matrices times `lora_alpha / rank` to it.

        Raises:
            ValueError: the weight has a constraint, or the layer is not built or adapted already.
        """
        target = self._lora_target
        if getattr(self, f"{target}_constraint"):
            raise ValueError(
                f"Lora is incompatible with {target} constraints. In order to enable lora on this "
                f"layer, "
                f"remove the `{target}_constraint` argument."
            )
        if not self.built:
            raise ValueError("Cannot enable lora on a layer that isn't yet built.")
        if self.lora_enabled:
            raise ValueError("lora is already enabled. This can only be done once per layer.")
        weight = getattr(self, target)
        regularizer = getattr(self, f"{target}_regularizer")
        # In 32 bits whatever the layer computes in, so that small updates are not lost.
        for part, shape, initializer in (
            ("a", (*weight.shape[:-1], rank), a_initializer),
            ("b", (rank, weight.shape[-1]), b_initializer),
        ):
            name = f"lora_{target}_{part}"
            added = self.add_weight(
                name=name,
                shape=shape,
                initializer=initializers.get(initializer),
                dtype="float32",
                regularizer=regularizer,
            )
            setattr(self, name, added)
        weight.trainable = False
        self.lora_enabled = True
        self.lora_rank = rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else rank
        self.__dict__.update(_hot=0, _hot_alone=False)

    def _adapted(self):
        """The weight with what was learned beside it."""
        target = self._lora_target
        weight = getattr(self, target)
        first, second = getattr(self, f"lora_{target}_a"), getattr(self, f"lora_{target}_b")
        scale = self.lora_alpha / self.lora_rank
        return (weight + scale * torch.matmul(first, second)).to(weight.dtype)

    def save_own_variables(self, store):
        if not self.lora_enabled:
            super().save_own_variables(store)
            return
        for index, value in enumerate(self._saved_with_lora()):
            store[str(index)] = value

    def _saved_with_lora(self):
        added = {id(v) for v in self._lora_parts()}
        target = getattr(self, self._lora_target)
        for variable in self._own_variables():
            if id(variable) not in added:
                yield self._adapted().detach() if variable is target else variable

    def _lora_parts(self):
        return [getattr(self, f"lora_{self._lora_target}_{part}") for part in "ab"]

    def load_own_variables(self, store):
        """Reads the weights; what was learned beside them is in those, so it begins at zero."""
        if not self.lora_enabled:
            super().load_own_variables(store)
            return
        added = {id(v) for v in self._lora_parts()}
        own = [v for v in self._own_variables() if id(v) not in added]
        for index, variable in enumerate(own):
            variable.assign(torch.as_tensor(store[str(index)][...]))
        for variable in self._lora_parts():
            variable.assign(torch.zeros_like(variable))
