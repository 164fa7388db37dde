"""GPU operators in Triton, each beside its plain PyTorch reference.

One operator per file, in the same order everywhere: formulas, reference, kernels, torch.library operator, public
function. Nothing is imported or compiled here: importing a file of this room touches no GPU and needs no Triton; the
first launch does.
"""
