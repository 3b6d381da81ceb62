package engine.rules;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.kie.api.io.Resource;
import org.kie.dmn.api.core.DMNContext;
import org.kie.dmn.api.core.DMNDecisionResult;
import org.kie.dmn.api.core.DMNModel;
import org.kie.dmn.api.core.DMNResult;
import org.kie.dmn.api.core.DMNRuntime;
import org.kie.dmn.api.core.DMNType;
import org.kie.dmn.api.core.ast.DecisionNode;
import org.kie.dmn.api.core.event.AfterEvaluateDecisionTableEvent;
import org.kie.dmn.core.api.event.DefaultDMNRuntimeEventListener;
import org.kie.dmn.core.ast.DecisionNodeImpl;
import org.kie.dmn.core.compiler.RuntimeTypeCheckOption;
import org.kie.dmn.core.impl.DMNRuntimeImpl;
import org.kie.dmn.core.internal.utils.DMNRuntimeBuilder;
import org.kie.dmn.model.api.DecisionRule;
import org.kie.dmn.model.api.DecisionTable;
import org.kie.internal.io.ResourceFactory;

/** The DMN models of one version. */
final class DmnRules {
    private final DMNRuntime runtime;
    private final Map<String, RuleText> rows;
    private final ObjectMapper json;
    /** A runtime's listeners are shared by all threads: each thread collects its own rows. */
    private final ThreadLocal<List<RuleText>> fired = ThreadLocal.withInitial(ArrayList::new);

    private DmnRules(DMNRuntime runtime, Map<String, RuleText> rows, ObjectMapper json) {
        this.runtime = runtime;
        this.rows = rows;
        this.json = json;
        ((DMNRuntimeImpl) runtime)
                .setOption(new RuntimeTypeCheckOption(true)); // without it a wrong type only "matches no row"
        runtime.addListener(new DefaultDMNRuntimeEventListener() {
            @Override
            public void afterEvaluateDecisionTable(AfterEvaluateDecisionTableEvent event) {
                event.getSelectedIds().forEach(id -> fired.get().add(rows.get(id)));
            }
        });
    }

    /** The validated models of a package, or null when it has none. */
    static DmnRules load(Path folder, ObjectMapper json) throws IOException {
        Map<String, String> sources = new TreeMap<>();
        for (Path file : ContentHash.files(folder))
            if (file.getFileName().toString().endsWith(".dmn"))
                sources.put(file.getFileName().toString(), Files.readString(file));
        if (sources.isEmpty()) return null;
        List<Problem> problems = DmnValidation.check(sources);
        if (!problems.isEmpty()) throw Refusal.ruleset(problems);
        List<Resource> resources = new ArrayList<>();
        sources.forEach((name, text) -> resources.add(
                ResourceFactory.newReaderResource(new StringReader(text)).setSourcePath(name)));
        DMNRuntime runtime = DMNRuntimeBuilder.fromDefaults()
                .buildConfiguration()
                .fromResources(resources)
                .getOrElseThrow(e ->
                        Refusal.ruleset(List.of(Problem.at(null, "the DMN models do not compile: " + e.getMessage()))));
        return new DmnRules(runtime, rows(runtime), json);
    }

    /** The rows of all tables by id; each needs an id and a sentence. */
    private static Map<String, RuleText> rows(DMNRuntime runtime) {
        Map<String, RuleText> rows = new LinkedHashMap<>();
        List<Problem> problems = new ArrayList<>();
        for (DMNModel model : runtime.getModels())
            for (DecisionNode decision : model.getDecisions())
                if (decision instanceof DecisionNodeImpl node
                        && node.getDecision().getExpression() instanceof DecisionTable table)
                    rows(decision.getName(), table, rows, problems);
        if (!problems.isEmpty()) throw Refusal.ruleset(problems);
        return rows;
    }

    private static void rows(String decision, DecisionTable table, Map<String, RuleText> rows, List<Problem> problems) {
        int number = 0;
        for (DecisionRule row : table.getRule()) {
            number++;
            String text = row.getAnnotationEntry().isEmpty()
                    ? null
                    : row.getAnnotationEntry().get(0).getText();
            if (row.getId() == null || text == null || text.isBlank())
                problems.add(Problem.in(
                        null, decision + " row " + number, "needs an id and a sentence as its first annotation"));
            else if (rows.putIfAbsent(row.getId(), new RuleText(row.getId(), text)) != null)
                problems.add(Problem.in(null, decision + " row " + number, "the id is taken by another row"));
        }
    }

    List<RuleText> rules() {
        return List.copyOf(rows.values());
    }

    Judgement judge(String modelName, JsonNode inputs, Deadline deadline) {
        DMNModel model = model(modelName);
        DMNContext context = runtime.newContext();
        Map<String, Object> bound = inputs(model, inputs);
        bound.forEach(context::set);
        fired.get().clear();
        try {
            DMNResult result = runtime.evaluateAll(model, context);
            deadline.check();
            ObjectNode results = json.createObjectNode();
            for (DMNDecisionResult decision : result.getDecisionResults())
                results.set(decision.getDecisionName(), value(decision, bound));
            return new Judgement(results, List.copyOf(fired.get()));
        } finally {
            fired.remove();
        }
    }

    private DMNModel model(String name) {
        return runtime.getModels().stream()
                .filter(model -> name == null || model.getName().equals(name))
                .findFirst()
                .orElseThrow(() -> Refusal.facts(
                        "model",
                        "is not a model; known: "
                                + runtime.getModels().stream()
                                        .map(DMNModel::getName)
                                        .toList()));
    }

    private Map<String, Object> inputs(DMNModel model, JsonNode given) {
        if (given == null || !given.isObject()) throw Refusal.facts("dmn", "must be an object of inputs");
        Set<String> known = model.getInputs().stream()
                .map(input -> input.getName())
                .collect(Collectors.toCollection(java.util.TreeSet::new));
        Map<String, Object> inputs = new LinkedHashMap<>();
        given.fields().forEachRemaining(field -> {
            if (!known.contains(field.getKey()))
                throw Refusal.facts(FactTypes.clean(field.getKey()), "is not an input; known: " + known);
            Object value = json.convertValue(field.getValue(), Object.class);
            DMNType type = model.getInputs().stream()
                    .filter(input -> input.getName().equals(field.getKey()))
                    .findFirst()
                    .orElseThrow()
                    .getType();
            if (value != null && !type.isAssignableValue(value))
                throw Refusal.facts(field.getKey(), "is not " + describe(type));
            inputs.put(field.getKey(), value);
        });
        for (String name : known)
            if (!inputs.containsKey(name)) throw Refusal.facts(name, "is missing; send null when it is absent");
        return inputs;
    }

    private static String describe(DMNType type) {
        String base =
                type.getBaseType() == null ? type.getName() : type.getBaseType().getName();
        return "a " + base + (type.getAllowedValues().isEmpty() ? "" : " out of " + type.getAllowedValues());
    }

    private JsonNode value(DMNDecisionResult decision, Map<String, Object> inputs) {
        if (decision.getEvaluationStatus() == DMNDecisionResult.DecisionEvaluationStatus.SUCCEEDED
                && decision.getResult() != null) return json.valueToTree(decision.getResult());
        List<String> absent = inputs.entrySet().stream()
                .filter(input -> input.getValue() == null)
                .map(Map.Entry::getKey)
                .toList();
        throw Refusal.facts(
                decision.getDecisionName(),
                "no row answers these inputs" + (absent.isEmpty() ? "" : "; null: " + absent));
    }
}
