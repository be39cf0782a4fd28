"""Pipelines fitted with another version of scikit-learn than the installed one.

``fitted_with`` reads the version from a file without running anything of it. ``renames``, ``stand_ins``, ``unpickler`` and
``schema`` open the file in spite of classes that moved or are gone, and ``upgrade`` adds the attributes that the installed
version expects. ``environment``, ``answers``, ``exchange`` and ``judge`` ask the version itself: an environment of it opens
the same file, and its answers are what the imported pipeline is compared with.
"""
