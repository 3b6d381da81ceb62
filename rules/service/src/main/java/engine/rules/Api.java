package engine.rules;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The HTTP interface: docs/rules.md. */
final class Api {
    private static final Logger LOG = LoggerFactory.getLogger(Api.class);
    private static final long BODY_LIMIT = 8_000_000; // bytes: 413 over it
    private static final String VERSION = "/v1/rulesets/{name}/versions/{version}";

    private final ObjectMapper json = Json.mapper();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "deadlines");
        thread.setDaemon(true);
        return thread;
    });
    private final Settings settings;
    private final Catalog catalog;

    Api(Settings settings, Catalog catalog) {
        this.settings = settings;
        this.catalog = catalog;
    }

    Javalin start() {
        Javalin app = Javalin.create(Api::configure);
        app.get(
                "/health/live",
                context -> send(context, 200, json.createObjectNode().put("status", "live")));
        app.get("/health/ready", this::ready);
        app.before("/v1/*", context -> refuseWhileLoading());
        app.get("/v1/rulesets", this::list);
        app.get(
                VERSION + "/rules",
                context -> send(context, 200, json.valueToTree(find(context).rules())));
        app.post(VERSION + "/evaluate", this::evaluate);
        app.put(VERSION, this::publish);
        app.exception(Refusal.class, (e, context) -> fail(context, e.status, e.code, e.problems));
        app.exception(
                JsonProcessingException.class,
                (e, context) -> fail(context, 400, "not-json", List.of(Problem.at(null, "the body is not JSON"))));
        app.exception(Exception.class, this::defect);
        return app.start(settings.host(), settings.port());
    }

    private static void configure(JavalinConfig config) {
        config.showJavalinBanner = false;
        config.startupWatcherEnabled = false;
        config.http.maxRequestSize = BODY_LIMIT;
    }

    private void ready(Context context) throws IOException {
        List<String> missing = catalog.missing();
        ObjectNode body = json.createObjectNode().put("status", missing.isEmpty() ? "ready" : "not ready");
        body.set("missing", json.valueToTree(missing));
        send(context, missing.isEmpty() ? 200 : 503, body);
    }

    /** A part of the rulesets is no answer: a client would take the missing ones for absent. */
    private void refuseWhileLoading() {
        if (!catalog.complete())
            throw new Refusal(503, "loading", List.of(Problem.at(null, "packages are loading; try again")));
    }

    private void list(Context context) throws IOException {
        var rulesets = json.createArrayNode();
        for (var entry : catalog.all().entrySet()) {
            ObjectNode ruleset =
                    rulesets.addObject().put("name", entry.getKey()).put("current", catalog.current(entry.getKey()));
            var versions = ruleset.putArray("versions");
            for (Ruleset version : entry.getValue()) versions.add(describe(version));
        }
        send(context, 200, rulesets);
    }

    private ObjectNode describe(Ruleset ruleset) {
        Manifest manifest = ruleset.manifest;
        ObjectNode node = json.createObjectNode()
                .put("version", manifest.version())
                .put("contentHash", ruleset.contentHash)
                .put("effective", manifest.effective())
                .put("owner", manifest.owner())
                .put("text", manifest.text());
        node.set("valueSets", json.valueToTree(ruleset.valueSets.versions()));
        return node;
    }

    private void evaluate(Context context) throws IOException {
        Ruleset ruleset = find(context);
        JsonNode request = json.readTree(context.bodyAsBytes());
        if (!request.isObject()) throw Refusal.facts("body", "must be an object with facts, dmn or batch");
        ObjectNode answer = json.createObjectNode()
                .put("ruleset", ruleset.manifest.name())
                .put("version", ruleset.manifest.version())
                .put("contentHash", ruleset.contentHash);
        try (Deadline deadline = new Deadline(timer, settings.timeout())) {
            if (request.has("batch")) {
                var batch = answer.putArray("batch");
                for (JsonNode one : request.get("batch"))
                    batch.add(write(json.createObjectNode(), ruleset.judge(one, deadline)));
            } else {
                write(answer, ruleset.judge(request, deadline));
            }
        }
        send(context, 200, answer);
    }

    private ObjectNode write(ObjectNode answer, Judgement judgement) {
        answer.set("results", judgement.results());
        answer.set("fired", json.valueToTree(judgement.fired()));
        return answer;
    }

    private void publish(Context context) throws IOException {
        Ruleset ruleset = catalog.publish(context.pathParam("name"), context.pathParam("version"));
        send(context, 200, describe(ruleset));
    }

    private Ruleset find(Context context) {
        return catalog.find(context.pathParam("name"), context.pathParam("version"));
    }

    /** Type and place only: a message may quote facts. */
    private void defect(Exception e, Context context) {
        Throwable cause = e;
        while (cause.getCause() != null) cause = cause.getCause();
        LOG.error(
                "{} {}: {} at {}",
                context.method(),
                context.path(),
                cause.getClass().getName(),
                cause.getStackTrace().length == 0 ? "?" : cause.getStackTrace()[0]);
        fail(
                context,
                500,
                "defect",
                List.of(Problem.at(null, "the evaluation failed; the service's log names the place")));
    }

    private void fail(Context context, int status, String code, List<Problem> problems) {
        ObjectNode body = json.createObjectNode().put("code", code);
        body.set("errors", json.valueToTree(problems));
        send(context, status, body);
    }

    private void send(Context context, int status, JsonNode body) {
        try {
            context.status(status).contentType("application/json").result(json.writeValueAsBytes(body));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
