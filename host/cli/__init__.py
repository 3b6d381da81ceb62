"""``python -m host``: the verbs."""
