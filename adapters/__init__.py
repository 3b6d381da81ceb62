"""Clients of the systems around the engine, each with a twin in memory."""

import logging

# It logs every URL, and a search says whom it looks for.
logging.getLogger("httpx").setLevel(logging.WARNING)
