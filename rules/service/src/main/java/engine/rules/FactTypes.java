package engine.rules;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.kie.api.KieBase;
import org.kie.api.definition.type.FactType;

/** Turns JSON into the declared types that the manifest lists as facts; refuses everything else without quoting a value. */
final class FactTypes {
    private final Map<String, String> cardinalities;
    private final Map<String, Class<?>> classes = new TreeMap<>();
    private final ObjectMapper json;

    FactTypes(KieBase base, Manifest manifest, ObjectMapper json) {
        this.json = json;
        this.cardinalities = new TreeMap<>(manifest.facts());
        for (var pack : base.getKiePackages())
            for (FactType type : pack.getFactTypes()) classes.put(type.getSimpleName(), type.getFactClass());
        List<Problem> problems = new ArrayList<>();
        for (String name : cardinalities.keySet())
            if (!classes.containsKey(name))
                problems.add(Problem.in(Manifest.FILE, "facts." + name, "is not a declared type"));
        for (String name : manifest.results())
            if (!classes.containsKey(name))
                problems.add(Problem.in(Manifest.FILE, "results", name + " is not a declared type"));
        if (!problems.isEmpty()) throw Refusal.ruleset(problems);
    }

    Class<?> type(String name) {
        return classes.get(name);
    }

    /** The facts as objects, in the order of the request. */
    List<Object> bind(JsonNode facts) {
        if (facts == null || !facts.isObject()) throw Refusal.facts("facts", "must be an object of fact types");
        List<Object> bound = new ArrayList<>();
        facts.fieldNames().forEachRemaining(name -> {
            if (!cardinalities.containsKey(name))
                throw Refusal.facts(clean(name), "is not a fact type; known: " + cardinalities.keySet());
        });
        cardinalities.forEach((name, cardinality) -> {
            List<JsonNode> given = given(facts.get(name));
            if (given.isEmpty() && cardinality.startsWith("1"))
                throw Refusal.facts(name, "is missing; takes " + cardinality);
            if (given.size() > 1 && cardinality.endsWith("1"))
                throw Refusal.facts(name, "is given several times; takes " + cardinality);
            for (JsonNode fact : given) bound.add(bind(name, fact));
        });
        return bound;
    }

    private static List<JsonNode> given(JsonNode node) {
        if (node == null || node.isNull()) return List.of();
        if (!node.isArray()) return List.of(node);
        List<JsonNode> nodes = new ArrayList<>();
        node.forEach(nodes::add);
        return nodes;
    }

    private Object bind(String name, JsonNode fact) {
        if (!fact.isObject()) throw Refusal.facts(name, "must be an object");
        try {
            return json.treeToValue(fact, classes.get(name));
        } catch (UnrecognizedPropertyException e) {
            throw Refusal.facts(
                    name + "." + clean(e.getPropertyName()),
                    "is not a field; known: " + new TreeSet<>(e.getKnownPropertyIds()));
        } catch (JsonMappingException e) {
            throw Refusal.facts(name + path(e), "has another type than the rules declare");
        } catch (JsonProcessingException e) {
            throw Refusal.facts(name, "cannot be read");
        }
    }

    private static String path(JsonMappingException e) {
        return e.getPath().stream()
                .map(step -> step.getFieldName() == null ? "[" + step.getIndex() + "]" : "." + step.getFieldName())
                .collect(Collectors.joining());
    }

    /** A name that the caller chose may carry a value: only identifiers are repeated. */
    static String clean(String name) {
        return name.matches("[A-Za-z][A-Za-z0-9]{0,40}") ? name : "(unreadable name)";
    }
}
