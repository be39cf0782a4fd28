"""Pipelines fitted with another version of scikit-learn than the installed one.

``fitted_version`` reads the version from a file without running any of its code. ``renames``, ``legacy_classes``,
``unpickler`` and ``schema`` open the file although classes were moved or removed. ``upgrade`` adds the attributes that the
installed version expects. ``environment``, ``answers``, ``exchange`` and ``version_comparison`` run the version itself: it
opens the same file in its own environment, and its answers are compared with the imported pipeline's.
"""
