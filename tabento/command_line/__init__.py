"""The command line: the classes of commands, and the commands that need the library only."""
