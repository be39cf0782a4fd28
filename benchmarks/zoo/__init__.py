"""The zoo: many small pipelines, each exported exactly and naively, against scikit-learn's own answers."""
