"""The catalogue of what is judged: the zoo's members, and pipelines as they stand in public notebooks."""
