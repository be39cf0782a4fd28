"""Tools of the checkout that are part of no package and no image."""
