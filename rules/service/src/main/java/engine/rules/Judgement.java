package engine.rules;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/** The answer of a ruleset to one set of facts: results by type or decision, and the rules that fired, in order, each once. */
record Judgement(ObjectNode results, List<RuleText> fired) {}
