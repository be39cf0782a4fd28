"""Live quality: the metrics of training on joined truths, with intervals, against the figures of the test part."""
