"""The element-wise passes of a training step on a CPU, compiled by Numba; the matrix products stay with torch (oneDNN).

Each function is one pass over memory where plain PyTorch makes three to eight. Activations are stored in one of the
types of models/cpu/storage.py; arithmetic is always fp32. Outputs are written into arrays that the caller owns. Shape
suffixes as in gpt.py; N = B * H attention matrices, D2 = 2 * F.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from models.cpu.storage import compiled, narrow, widen

_ONE, _ZERO, _MASKED = np.float32(1.0), np.float32(0.0), np.float32(-1e30)
_LOG2_E = np.float32(1.4426950408889634)
# 2^-127 has no normal fp32 number: its bits come out as an exact zero, which is what a masked score needs.
_LOWEST_EXPONENT, _HIGHEST_EXPONENT = np.float32(-127.0), np.float32(126.0)
# Minimax polynomial of 2^f on [-0.5, 0.5], relative error below 3e-7.
_P1, _P2, _P3 = np.float32(0.6931472), np.float32(0.2402265), np.float32(0.05550411)
_P4, _P5, _P6 = np.float32(0.009618129), np.float32(0.0013333558), np.float32(0.00015403530)


def _llvm(builder, name: str, arguments, flags=()):
    """Calls an LLVM intrinsic on fp32 values."""
    float32 = ir.FloatType()
    function = builder.module.declare_intrinsic(name, [float32], ir.FunctionType(float32, [float32] * len(arguments)))
    return builder.call(function, arguments, fastmath=flags)


@intrinsic
def _round_f32(typing_context, value):
    return types.float32(types.float32), lambda context, builder, signature, arguments: _llvm(
        builder, "llvm.rint", arguments
    )


@intrinsic
def _max_f32(typing_context, left, right):
    """max without NaN semantics: the form that LLVM vectorises as a reduction (the builtin max runs scalar)."""
    signature = types.float32(types.float32, types.float32)
    return signature, lambda context, builder, signature, arguments: _llvm(
        builder, "llvm.maxnum", arguments, ("nnan", "nsz")
    )


@intrinsic
def _power_of_two(typing_context, exponent):
    """2^n for a whole number n in [-126, 127], given as fp32; zero for -127."""

    def generate(context, builder, signature, arguments):
        int32 = ir.IntType(32)
        bits = builder.shl(
            builder.add(builder.fptosi(arguments[0], int32), ir.Constant(int32, 127)), ir.Constant(int32, 23)
        )
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(types.float32), generate


@compiled(inline="always")
def _exp(x):
    """exp in fp32 without a library call, so that loops around it vectorise; zero below 2^-127, at most 2^126."""
    # 2^t = 2^n * 2^f with n whole: the power of two is a shift into the exponent bits, and what is left lies in [-0.5,
    # 0.5], where six terms suffice.
    t = min(max(x * _LOG2_E, _LOWEST_EXPONENT), _HIGHEST_EXPONENT)
    n = _round_f32(t)
    f = t - n
    return (_ONE + f * (_P1 + f * (_P2 + f * (_P3 + f * (_P4 + f * (_P5 + f * _P6)))))) * _power_of_two(n)


@compiled
def add_rms_norm(x_MD, branch_MD, sum_MD, gain_D, y_MD, rstd_M, eps):
    """sum = x + branch; y = rms_norm(sum) * gain."""
    M, D = x_MD.shape
    for m in range(M):
        x, branch, added, y = x_MD[m], branch_MD[m], sum_MD[m], y_MD[m]
        total = _ZERO
        for d in range(D):
            value = x[d] + widen(branch[d])
            added[d] = value
            total += value * value
        rstd = _ONE / np.sqrt(total / np.float32(D) + eps)
        rstd_M[m] = rstd
        for d in range(D):
            y[d] = narrow(added[d] * rstd * gain_D[d], y[d])


@compiled
def rms_norm_backward(dy_MD, x_MD, rstd_M, gain_D, dx_MD, dx_stored_MD, dgain_D):
    """dx += rstd * (g - xhat * mean(g * xhat)) with g = dy * gain, xhat = x * rstd; dgain += sum over rows of dy *
    xhat.

    dx_stored is dx in the storage type, ready for the next matrix products.
    """
    M, D = x_MD.shape
    for m in range(M):
        dy, x, dx, stored = dy_MD[m], x_MD[m], dx_MD[m], dx_stored_MD[m]
        rstd = rstd_M[m]
        total = _ZERO
        for d in range(D):
            weighted = widen(dy[d]) * x[d] * rstd
            # The gain's gradient needs the same product as the mean, so both are taken in one reading of the row.
            dgain_D[d] += weighted
            total += weighted * gain_D[d]
        mean = total / np.float32(D) * rstd
        for d in range(D):
            value = dx[d] + rstd * (widen(dy[d]) * gain_D[d] - x[d] * mean)
            dx[d] = value
            stored[d] = narrow(value, stored[d])


@compiled
def _rotate(x, x_at, cos, sin, table_at, half, sine_sign, scale, y, y_at):
    """Rotates one head at one time. Flat arrays and unsigned places: a slice per head would cost more than the
    rotation."""
    for i in range(half):
        sine = sin[table_at + i] * sine_sign
        x1, x2 = widen(x[x_at + i]), widen(x[x_at + half + i])
        y[y_at + i] = narrow((x1 * cos[table_at + i] - x2 * sine) * scale, y[y_at + i])
        y[y_at + half + i] = narrow((x2 * cos[table_at + i] + x1 * sine) * scale, y[y_at + i])


@compiled
def split_heads_rotary(qkv, cos, sin, q, k, v, shape_BTHGK, q_scale):
    """[B, T, H + 2 G, K] to rotated q, k and plain v, each [B, H, T, K] (all flat); keys and values of a group are
    repeated for its query heads."""
    B, T, H, G, K = shape_BTHGK
    half, width = np.uint64(K // 2), (H + 2 * G) * K
    for b in range(B):
        for h in range(H):
            key_at, value_at = (H + h // (H // G)) * K, (H + G + h // (H // G)) * K
            for t in range(T):
                row, table, place = (b * T + t) * width, np.uint64(t) * half, np.uint64(((b * H + h) * T + t) * K)
                _rotate(qkv, np.uint64(row + h * K), cos, sin, table, half, _ONE, q_scale, q, place)
                _rotate(qkv, np.uint64(row + key_at), cos, sin, table, half, _ONE, _ONE, k, place)
                source = np.uint64(row + value_at)
                for i in range(np.uint64(K)):
                    v[place + i] = qkv[source + i]


@compiled
def merge_heads_rotary_backward(dq, dk, dv, cos, sin, dqkv, shape_BTHGK, q_scale):
    """Transpose of split_heads_rotary: sums the query heads of a group into the first of them (in place on dk, dv) and
    rotates back."""
    B, T, H, G, K = shape_BTHGK
    half, size, share = np.uint64(K // 2), np.uint64(T * K), H // G
    for b in range(B):
        for h in range(H):
            place = np.uint64((b * H + h) * T * K)
            first = np.uint64((b * H + h - h % share) * T * K)
            # Query heads of a group read one key and value, so its gradient is their sum. The first head of the group
            # holds it: a buffer for the sum would be written and read once more.
            if h % share != 0:
                for i in range(size):
                    dk[first + i] = narrow(widen(dk[first + i]) + widen(dk[place + i]), dk[first])
                    dv[first + i] = narrow(widen(dv[first + i]) + widen(dv[place + i]), dv[first])
            for t in range(T):
                row, table, step = (b * T + t) * (H + 2 * G) * K, np.uint64(t) * half, np.uint64(t * K)
                # The transpose of a rotation is the rotation by the opposite angle: only the sign of the sine changes.
                _rotate(dq, place + step, cos, sin, table, half, -_ONE, q_scale, dqkv, np.uint64(row + h * K))
            # The sum is complete with the last head of the group; before that there is nothing to rotate back.
            if h % share < share - 1:
                continue
            for t in range(T):
                row, table, step = (b * T + t) * (H + 2 * G) * K, np.uint64(t) * half, np.uint64(t * K)
                _rotate(
                    dk, first + step, cos, sin, table, half, -_ONE, _ONE, dqkv, np.uint64(row + (H + h // share) * K)
                )
                target = np.uint64(row + (H + G + h // share) * K)
                for i in range(np.uint64(K)):
                    dqkv[target + i] = dv[first + step + i]


@compiled
def swap_axes(x_BPQK, y_BQPK):
    """Heads before time, or time before heads."""
    B, P, Q, K = x_BPQK.shape
    for b in range(B):
        for q in range(Q):
            for p in range(P):
                source, target = x_BPQK[b, p, q], y_BQPK[b, q, p]
                for i in range(K):
                    target[i] = source[i]


@compiled
def causal_softmax(scores_NTT, row_T):
    """In place: row t becomes the softmax over keys 0..t and zero beyond. row_T is fp32 scratch.

    Keys are visited in whole blocks of 64, the last one masked: ragged ends would run scalar.
    """
    N, T, _ = scores_NTT.shape
    for n in range(N):
        for t in range(T):
            scores = scores_NTT[n, t]
            end = min(T, (t // 64 + 1) * 64)
            # Masked in the scores, not by a shorter loop, so that the three passes below run over whole blocks.
            for j in range(t + 1, end):
                scores[j] = narrow(_MASKED, scores[j])
            highest = _MASKED
            for j in range(end):
                highest = _max_f32(highest, widen(scores[j]))
            total = _ZERO
            for j in range(end):
                weight = _exp(widen(scores[j]) - highest)
                row_T[j] = weight
                total += weight
            # One division a row, then products: a vector division takes several times as long as a product.
            inverse = _ONE / total
            for j in range(end):
                scores[j] = narrow(row_T[j] * inverse, scores[j])
            for j in range(end, T):
                scores[j] = narrow(_ZERO, scores[j])


@compiled
def causal_softmax_backward(weights_NTT, dweights_NTT):
    """In place on dweights: dscores = p * (dp - sum(p * dp)); zero beyond the diagonal because p is."""
    N, T, _ = weights_NTT.shape
    for n in range(N):
        for t in range(T):
            p, dp = weights_NTT[n, t], dweights_NTT[n, t]
            end = min(T, (t // 64 + 1) * 64)
            total = _ZERO
            for j in range(end):
                total += widen(p[j]) * widen(dp[j])
            for j in range(end):
                dp[j] = narrow(widen(p[j]) * (widen(dp[j]) - total), dp[j])
            for j in range(end, T):
                dp[j] = narrow(_ZERO, dp[j])


@compiled
def swiglu(gate_up_MD2, y_MF):
    """y = silu(gate) * up."""
    M, F = y_MF.shape
    for m in range(M):
        gates, ups, y = gate_up_MD2[m, :F], gate_up_MD2[m, F:], y_MF[m]
        for f in range(F):
            gate = widen(gates[f])
            y[f] = narrow(gate / (_ONE + _exp(-gate)) * widen(ups[f]), y[f])


@compiled
def swiglu_backward(gate_up_MD2, dy_MF):
    """In place: gate_up becomes its own gradient."""
    M, F = dy_MF.shape
    for m in range(M):
        gates, ups, dy = gate_up_MD2[m, :F], gate_up_MD2[m, F:], dy_MF[m]
        for f in range(F):
            gate, up, grad = widen(gates[f]), widen(ups[f]), widen(dy[f])
            # d silu = sigmoid + silu (1 - sigmoid), of what is at hand already. Gate and up are not read again after
            # this, so their gradients take their place.
            sigmoid = _ONE / (_ONE + _exp(-gate))
            silu = gate * sigmoid
            gates[f] = narrow(grad * up * (sigmoid + silu * (_ONE - sigmoid)), gates[f])
            ups[f] = narrow(grad * silu, ups[f])


@compiled
def cross_entropy(logits_MV, targets_M, gradient_scale, row_V):
    """Sum of losses in nats (fp64); in place logits become gradient_scale * (softmax - onehot). row_V is fp32
    scratch."""
    M, V = logits_MV.shape
    loss = 0.0
    for m in range(M):
        logits, target = logits_MV[m], targets_M[m]
        highest = widen(logits[0])
        for v in range(V):
            highest = _max_f32(highest, widen(logits[v]))
        total = _ZERO
        for v in range(V):
            weight = _exp(widen(logits[v]) - highest)
            row_V[v] = weight
            total += weight
        # Losses are added in fp64: in fp32 the sum of some thousand rows would lose the digits that two runs are
        # compared by.
        loss += np.log(np.float64(total)) + np.float64(highest - widen(logits[target]))
        inverse = gradient_scale / total
        # exp(target) - total, divided by the total below, is softmax - 1: the one-hot vector without a second pass.
        row_V[target] -= total
        for v in range(V):
            logits[v] = narrow(row_V[v] * inverse, logits[v])
    return loss


@compiled
def embed_backward(tokens_M, dx_MD, dweight_VD):
    """dweight[token] += dx, row by row in order, so that the sum is the same each time."""
    M, D = dx_MD.shape
    for m in range(M):
        source, target = dx_MD[m], dweight_VD[tokens_M[m]]
        for d in range(D):
            target[d] += source[d]


@compiled
def store_numbers(x_P, y_P):
    """y = x in the storage type of y."""
    for p in range(len(x_P)):
        y_P[p] = narrow(x_P[p], y_P[p])


@compiled
def add_numbers(x_P, y_P):
    """y += x, y in fp32."""
    for p in range(len(x_P)):
        y_P[p] += widen(x_P[p])
