"""``python -m host``."""

from host.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
