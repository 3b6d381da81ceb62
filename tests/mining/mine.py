"""Read a log with pm4py and say as JSON what it found. Runs by itself, in the environment of pm4py."""

import json
import sys

import pm4py  # type: ignore[import-not-found]  # see environment.py

log = pm4py.read_xes(sys.argv[1], show_progress_bar=False)
done = log[log["lifecycle:transition"] == "complete"]
net, initial, final = pm4py.discover_petri_net_inductive(done)
fitness = pm4py.fitness_token_based_replay(done, net, initial, final)
found = {
    "cases": int(log["case:concept:name"].nunique()),
    "events": len(log),
    "activities": sorted(done["concept:name"].unique()),
    "groups": sorted(log["org:group"].unique()),
    "variants": [[list(variant), count] for variant, count in pm4py.get_variants(done).items()],
    "fitness": fitness["log_fitness"],
    "timestamps": str(log["time:timestamp"].dtype),
}
print(json.dumps(found))
