"""SwiGLU over numbers held in fp32's place (fp32, or bf16 that is emulated), in whole vectors: half the time of
models/cpu/kernels.py's loops.

Where the CPU multiplies bf16 the loops of models/cpu/kernels.py stay: another order of operations would change the
weights of every run trained so far.
"""

from __future__ import annotations

import numpy as np

from models.cpu.kernels import _exp
from models.cpu.storage import compiled, narrow, widen
from models.cpu.vectors import LANES, exp, load_rounded, splat, store_rounded

_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


@compiled
def swiglu(gate_up_MD2, y_MF):
    """y = silu(gate) * up."""
    M, F = y_MF.shape
    gate_up, y, whole = gate_up_MD2.reshape(-1), y_MF.reshape(-1), F - F % LANES
    for m in range(M):
        row, out = 2 * m * F, m * F
        for f in range(0, whole, LANES):
            gate = load_rounded(gate_up, row + f)
            up = load_rounded(gate_up, row + F + f)
            store_rounded(gate / (splat(_ONE) + exp(splat(_ZERO) - gate)) * up, y, out + f)
        for f in range(whole, F):
            gate, up = widen(gate_up[row + f]), widen(gate_up[row + F + f])
            y[out + f] = narrow(gate / (_ONE + _exp(-gate)) * up, y[out + f])


@compiled
def swiglu_backward(gate_up_MD2, dy_MF):
    """In place: gate_up becomes its own gradient."""
    M, F = dy_MF.shape
    gate_up, dy, whole = gate_up_MD2.reshape(-1), dy_MF.reshape(-1), F - F % LANES
    for m in range(M):
        row, out = 2 * m * F, m * F
        for f in range(0, whole, LANES):
            gate, up, grad = (
                load_rounded(gate_up, row + f),
                load_rounded(gate_up, row + F + f),
                load_rounded(dy, out + f),
            )
            sigmoid = splat(_ONE) / (splat(_ONE) + exp(splat(_ZERO) - gate))
            silu = gate * sigmoid
            store_rounded(grad * up * (sigmoid + silu * (splat(_ONE) - sigmoid)), gate_up, row + f)
            store_rounded(grad * silu, gate_up, row + F + f)
        for f in range(whole, F):
            gate, up, grad = widen(gate_up[row + f]), widen(gate_up[row + F + f]), widen(dy[out + f])
            sigmoid = _ONE / (_ONE + _exp(-gate))
            silu = gate * sigmoid
            gate_up[row + f] = narrow(grad * up * (sigmoid + silu * (_ONE - sigmoid)), gate_up[row + f])
            gate_up[row + F + f] = narrow(grad * silu, gate_up[row + f])
