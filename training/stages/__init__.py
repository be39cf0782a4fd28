"""The stages of training: config → data → validate → study → features → select → sweep → fit → export → gate → register.

One module each, named as the stage. A stage reads what stages before it left in the workspace and writes one folder of
its own; ``table`` says what each takes and makes. ``tabento train --steps`` and ``dvc repro`` run the same code.
"""
