"""A linear layer and its LoRA adapter as one function.

peft multiplies the adapter's output by its scale and adds it to the layer's: two more passes over the output forward
and three backward, each as long as memory is slow. Here both products go into the output as they are computed. The
adapter, its parameters and its file stay peft's (docs/methods.md has the measurement).
"""

from types import MethodType
from typing import Any

import torch
from peft.tuners.lora import Linear


class _LoraLinear(torch.autograd.Function):
    """(tokens, in) -> (tokens, out): x W' + scale * x A' B' (Hu et al. 2021); gradients for x, A and B only."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: float) -> Any:
        down, up = a.to(x.dtype), (b * scale).to(x.dtype)
        low = x @ down.T
        ctx.save_for_backward(x, weight, low, down, up)
        ctx.scale = scale
        return (x @ weight.T).addmm_(low, up.T)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        x, weight, low, down, up = ctx.saved_tensors
        (grad,) = grads
        d_low = grad @ up
        d_x = (grad @ weight).addmm_(d_low, down) if ctx.needs_input_grad[0] else None
        return d_x, None, (d_low.T @ x).float(), (grad.T @ low).float().mul_(ctx.scale), None


def fuse(network: Any) -> int:
    """Let every plain LoRA layer run as one function; returns how many do. Others (DoRA, dropout, a bias, quantized
    weights, several adapters) stay as they are."""
    layers = [layer for layer in network.modules() if type(layer) is Linear and _plain(layer)]
    for layer in layers:
        layer.forward = MethodType(_forward, layer)  # type: ignore[method-assign]
    return len(layers)


def _plain(layer: Linear) -> bool:
    names = list(layer.lora_A)
    return (
        len(names) == 1
        and type(layer.base_layer) is torch.nn.Linear
        and layer.base_layer.bias is None
        and layer.lora_A[names[0]].bias is None
        and layer.lora_B[names[0]].bias is None
        and isinstance(layer.lora_dropout[names[0]], torch.nn.Identity)
        and not layer.lora_variant
        and not layer.fan_in_fan_out
        and not layer.base_layer.weight.requires_grad
    )


def _forward(layer: Linear, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    if layer.disable_adapters or layer.merged or args or kwargs:
        return Linear.forward(layer, x, *args, **kwargs)
    ((name, a),) = layer.lora_A.items()
    weight: Any = layer.base_layer.weight
    flat = x.reshape(-1, x.shape[-1]).to(weight.dtype)
    # Autocast would cast the float32 adapters again in every product; they are cast in there, once.
    with torch.autocast(x.device.type, enabled=False):
        output = _LoraLinear.apply(flat, weight, a.weight, layer.lora_B[name].weight, layer.scaling[name])
    return output.view(*x.shape[:-1], -1)
