package engine.rules;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.kie.api.KieBase;
import org.kie.api.KieServices;
import org.kie.api.builder.ReleaseId;
import org.kie.api.runtime.KieContainer;
import org.kie.api.runtime.KieContainerSessionsPool;
import org.kie.api.runtime.KieSession;

/** The DRL rules and decision tables of one version: a fresh session for every set of facts. */
final class DrlRules implements AutoCloseable {
    private static final int POOL = 2;

    private final KieContainer container;
    private final KieContainerSessionsPool pool;
    private final KieBase base;
    private final FactTypes types;
    private final Manifest manifest;
    private final ObjectMapper json;
    private final ValueSets valueSets;
    private final boolean takesValueSets;
    private final int fireLimit;

    /** The rules of a compiled package, which is disposed of when it does not fit its manifest. */
    static DrlRules open(
            KieContainer container, Manifest manifest, ValueSets valueSets, ObjectMapper json, int fireLimit) {
        try {
            return new DrlRules(container, manifest, valueSets, json, fireLimit);
        } catch (Refusal e) {
            dispose(container);
            throw e;
        }
    }

    private DrlRules(KieContainer container, Manifest manifest, ValueSets valueSets, ObjectMapper json, int fireLimit) {
        this.container = container;
        this.base = container.getKieBase();
        this.types = new FactTypes(base, manifest, json);
        this.manifest = manifest;
        this.json = json;
        this.valueSets = valueSets;
        this.takesValueSets = base.getKiePackages().stream()
                .flatMap(pack -> pack.getGlobalVariables().stream())
                .anyMatch(global -> global.getName().equals("valueSets"));
        this.fireLimit = fireLimit;
        checkIds();
        this.pool = container.newKieSessionsPool(POOL);
    }

    private void checkIds() {
        Map<String, String> names = new HashMap<>();
        List<Problem> problems = new ArrayList<>();
        base.getKiePackages().forEach(pack -> pack.getRules().forEach(rule -> {
            String other = names.putIfAbsent(Trace.describe(rule).id(), rule.getName());
            if (other != null)
                problems.add(Problem.in(
                        null,
                        Trace.describe(rule).id(),
                        "is the id of '" + other + "' and of '" + rule.getName() + "'"));
        }));
        if (!problems.isEmpty()) throw Refusal.ruleset(problems);
    }

    List<RuleText> rules() {
        return base.getKiePackages().stream()
                .flatMap(pack -> pack.getRules().stream())
                .map(Trace::describe)
                .sorted(Comparator.comparing(RuleText::id))
                .toList();
    }

    Judgement judge(JsonNode facts, Deadline deadline) {
        List<Object> bound = types.bind(facts);
        KieSession session = pool.newKieSession();
        Trace trace = new Trace();
        try {
            if (takesValueSets) session.setGlobal("valueSets", valueSets);
            session.addEventListener(trace);
            bound.forEach(session::insert);
            deadline.onExpiry(session::halt);
            int fired = session.fireAllRules(fireLimit);
            deadline.check();
            if (fired >= fireLimit)
                throw new Refusal(
                        422,
                        "fire-limit",
                        List.of(Problem.at(null, "the rules fired " + fireLimit + " times: one triggers itself")));
            return new Judgement(results(session), trace.fired());
        } finally {
            session.removeEventListener(trace);
            session.dispose();
        }
    }

    private ObjectNode results(KieSession session) {
        ObjectNode results = json.createObjectNode();
        for (String name : manifest.results()) {
            Class<?> type = types.type(name);
            var list = results.putArray(name);
            session.getObjects(type::isInstance).stream()
                    .map(object -> (JsonNode) json.valueToTree(object))
                    .sorted(DrlRules::compare) // the object store itself has no order
                    .forEach(list::add);
        }
        return results;
    }

    /** By the fields in their order of declaration. */
    private static int compare(JsonNode left, JsonNode right) {
        for (var fields = left.fieldNames(); fields.hasNext(); ) {
            String name = fields.next();
            JsonNode a = left.get(name);
            JsonNode b = right.get(name);
            int order = a.isNumber() && b.isNumber()
                    ? a.decimalValue().compareTo(b.decimalValue())
                    : a.toString().compareTo(b.toString());
            if (order != 0) return order;
        }
        return 0;
    }

    @Override
    public void close() {
        pool.shutdown();
        dispose(container);
    }

    private static void dispose(KieContainer container) {
        ReleaseId release = container.getReleaseId();
        container.dispose();
        KieServices.get().getRepository().removeKieModule(release);
    }
}
