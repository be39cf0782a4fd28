"""Commands of ``tabento`` that have no room of their own, one file each: what they take, do and tell."""
