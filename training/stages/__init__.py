"""The stages of training: config → data → validate → study → features → select → sweep → fit → export → gate → register.

Each stage has a module of its name. A stage reads the files of previous stages in the workspace and writes one folder;
``table`` lists the inputs and outputs. ``tabento train --steps`` and ``dvc repro`` run the same code.
"""
