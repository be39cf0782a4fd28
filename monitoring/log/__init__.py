"""The prediction log: a record of every predicted row and every refused request, in files of JSON lines, see docs/prediction-log.md."""
