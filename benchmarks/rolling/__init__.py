"""Rolling updates of three replicas behind a proxy, and the loss of a replica, under a load whose answers are known."""
