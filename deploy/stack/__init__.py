"""The programs of ``deploy/compose/compose.yaml`` as processes of this computer, from Debian's packages and without containers."""
