"""The cache of answers, between the requests and the batcher."""
