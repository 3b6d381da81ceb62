"""An embedded Azure Functions and Durable Functions host for Python v2 apps, on one SQLite file."""
