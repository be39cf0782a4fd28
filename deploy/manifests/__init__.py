"""The checks of the Kubernetes manifests: render each overlay and the Helm chart, validate, compare.

``deploy/kubernetes`` has the manifests and ``deploy/helm`` the chart; neither needs this package. docs/kubernetes.md has the commands.
"""
