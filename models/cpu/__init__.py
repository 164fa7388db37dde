"""Training steps on a CPU in compiled kernels: blocks, passes and storage of numbers."""
