"""The measurements behind BENCHMARKS.md: ours beside its peers and beside the least that the work can cost."""
