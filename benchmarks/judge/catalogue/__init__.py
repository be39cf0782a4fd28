"""The catalogue of judged pipelines: the zoo's members, and pipelines as in public notebooks."""
