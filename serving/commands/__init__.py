"""Commands of a checkout that answer rows with the code of the service; a Bento does not hold them."""
