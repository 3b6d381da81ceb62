"""The HTTP surface: routes, triggers, management API, development sign-in, administration."""
