"""Hand-written vector code, which Numba puts into the kernels as if it were one instruction.

May import numerics (the constants of Philox), and llvm_vectors and vector_math beside it.

Start with tiles.py. Each function that is decorated as an intrinsic has an inner ``codegen``, which
runs once, while a kernel is compiled, and writes LLVM instructions through an `Emitter`. Arrays
come as addresses (`memory.address_of`).
"""
