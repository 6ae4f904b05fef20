"""A GRU with a backward pass written by hand: torch has no fused kernel of it for the CPU."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = []


class GRUOverTime(torch.autograd.Function):
    """The states of a GRU with the reset gate after the recurrent kernel, over all steps.

    Gates stand in the order update, reset, candidate. T steps, B rows, U units.
    """

    @staticmethod
    def forward(
        ctx, projected: Tensor, state: Tensor, kernel: Tensor, bias: Tensor | None
    ) -> Tensor:
        """The states (T, B, U), from projected inputs (T, B, 3U) and recurrent kernel (U, 3U)."""
        steps, batch, size = projected.shape
        units = size // 3
        inner = projected.new_empty(steps, batch, size)
        gates = projected.new_empty(steps, batch, 2 * units)
        candidates = projected.new_empty(steps, batch, units)
        states = projected.new_empty(steps, batch, units)
        to_gates, to_candidates = projected.split([2 * units, units], 2)
        own_gates, own_candidates = inner.split([2 * units, units], 2)
        update, reset = gates.chunk(2, 2)
        # Bound once: a loop over indices would spend most of its time on making views.
        views = [
            t.unbind(0)
            for t in (
                to_gates,
                to_candidates,
                inner,
                own_gates,
                own_candidates,
                gates,
                update,
                reset,
                candidates,
                states,
            )
        ]
        current = state
        for x, c, own, own_g, own_c, g, z, r, candidate, new in zip(*views, strict=True):
            if bias is None:
                torch.mm(current, kernel, out=own)
            else:
                torch.addmm(bias, current, kernel, out=own)
            torch.add(x, own_g, out=g).sigmoid_()
            torch.addcmul(c, r, own_c, out=candidate).tanh_()
            current = torch.lerp(candidate, current, z, out=new)
        ctx.save_for_backward(state, kernel, own_candidates, gates, candidates, states)
        ctx.has_bias = bias is not None
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        state, kernel, own_candidates, gates, candidates, states = ctx.saved_tensors
        steps, batch, units = states.shape
        before = torch.cat([state.unsqueeze(0), states[:-1]])
        update, reset = gates.chunk(2, 2)
        # What the gradient of a state is multiplied with to be that of each gate before its
        # activation, all steps at once.
        to_candidate = (1 - update) * (1 - candidates * candidates)
        factors = torch.stack(
            [
                (before - candidates) * update * (1 - update),
                to_candidate * own_candidates * reset * (1 - reset),
                to_candidate * reset,
            ],
            2,
        )  # (T, B, 3, U)
        inner = torch.empty_like(factors)
        all_states = torch.empty_like(states)
        back = kernel.T
        views = [
            t.unbind(0) for t in (gradient, update, factors, inner, inner.flatten(2), all_states)
        ]
        carried = gradient.new_zeros(batch, units)
        for grad, z, factor, made, flat, whole in reversed(list(zip(*views, strict=True))):
            torch.add(grad, carried, out=whole)
            torch.mul(whole.unsqueeze(1), factor, out=made)
            carried = torch.addmm(whole * z, flat, back)
        flat = inner.view(steps * batch, 3 * units)
        # As the kernel lies in memory.
        kernel_gradient = (flat.T @ before.view(steps * batch, units)).T
        bias_gradient = flat.sum(0) if ctx.has_bias else None
        inner[:, :, 2] = all_states * to_candidate
        return inner.flatten(2), carried, kernel_gradient, bias_gradient
