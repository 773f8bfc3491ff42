"""Published architectures in the form one writes first, for benchmarks.beside_plain to stand ours beside.

Written from the descriptions, with what the originals compute and no more; no part of them is ours. A module
is named as its workload, with _ for -, and has one function:

    def build(spec: JobSpec, samples: int) -> Plain    (benchmarks.plain_form)

`spec` is the effective spec that ours runs with at that moment; take from it what sizes the data (image
size, leads, features), and the rest from the publication. `samples` is the batch of one step.
"""
