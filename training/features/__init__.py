"""The feature studies: which imputation, how many clusters and which columns, each decided by a figure and drawn."""
