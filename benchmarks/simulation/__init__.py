"""A server on a virtual clock: the real batcher, policies and admission, with everything around them modelled."""
