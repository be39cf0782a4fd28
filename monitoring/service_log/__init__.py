"""The service log: the lines of all processes of a service, as JSON in containers and as text on a terminal."""
