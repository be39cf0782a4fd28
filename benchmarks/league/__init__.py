"""The league: the zoo's pipelines through every converter that installs, each in an environment of its own."""
