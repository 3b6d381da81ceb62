"""A travel agency: trips are booked leg by leg, approved by the traveller, invoiced, and watched for a better price."""

from __future__ import annotations

import azure.functions as func
import desk  # type: ignore[import-not-found]
import partners  # type: ignore[import-not-found]
import trips  # type: ignore[import-not-found]
import waiting  # type: ignore[import-not-found]

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(desk.bp)
app.register_functions(partners.bp)
app.register_functions(trips.bp)
app.register_functions(waiting.bp)
