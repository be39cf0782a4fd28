"""The attackers: one file for each way in which a client can misuse a connection, all listed in ``registry``."""
