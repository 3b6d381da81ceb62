package engine.rules;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.kie.api.definition.rule.Rule;
import org.kie.api.event.rule.AfterMatchFiredEvent;
import org.kie.api.event.rule.DefaultAgendaEventListener;

/** Which rules fired, in order, each once. */
final class Trace extends DefaultAgendaEventListener {
    private final Set<RuleText> fired = new LinkedHashSet<>();

    @Override
    public void afterMatchFired(AfterMatchFiredEvent event) {
        fired.add(describe(event.getMatch().getRule()));
    }

    List<RuleText> fired() {
        return new ArrayList<>(fired);
    }

    static RuleText describe(Rule rule) {
        return new RuleText(metadata(rule, "id"), metadata(rule, "text"));
    }

    private static String metadata(Rule rule, String name) {
        Object value = rule.getMetaData().get(name);
        return value == null ? rule.getName() : value.toString();
    }
}
