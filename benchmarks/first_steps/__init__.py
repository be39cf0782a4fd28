"""The first steps of a newcomer: from a table of one's own to a served prediction, in commands, edits and seconds."""
