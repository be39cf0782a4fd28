"""Adoption: the contract of a pipeline that was fitted elsewhere, found from its file and a sample.

``load`` checks the file and loads it. ``columns`` reads the facts of each column from the fitted steps. ``sample`` reads the
rows and compares their columns with the pipeline's. ``infer`` makes the contract of both, which a user can edit.
``contract_check`` tests whether the pipeline keeps the contract. ``versions`` handles pipelines that another version of
scikit-learn fitted. Export, proof and saving follow in ``tabento.packaging.bundle_builder``.
"""
