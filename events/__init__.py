"""The events as files (topics, schemas, AsyncAPI), and the tool that applies, replays and projects them."""
