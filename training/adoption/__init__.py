"""Adoption: a pipeline that somebody else fitted becomes a bundle, with a file, a sample and one command.

The way: the file is judged by what it holds and loaded (``load``); the fitted steps tell what each column goes through
(``columns``); the sample is read and compared with them (``sample``); together they give the contract (``infer``),
which a person may edit (``config``); the pipeline is asked whether it keeps the contract's promises (``promises``); then
export, proof, latency, card and store as in training (``run``).
"""
