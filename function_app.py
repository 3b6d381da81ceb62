"""The Workflow Orchestration Engine as one Azure Functions app: the table of contents of what is deployed."""

import azure.durable_functions as df
import azure.functions as func

import activities
import entities
import orchestrators
import triggers
from settings import settings

settings()  # wrong settings stop the app at once, all of them named

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in (*triggers.BLUEPRINTS, orchestrators.blueprint, activities.blueprint, entities.blueprint):
    app.register_functions(blueprint)
