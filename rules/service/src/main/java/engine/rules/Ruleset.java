package engine.rules;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.kie.api.runtime.KieContainer;

/** One loaded version of one ruleset: immutable. */
final class Ruleset implements AutoCloseable {
    final Manifest manifest;
    final String contentHash;
    final ValueSets valueSets;
    private final DrlRules drl;
    private final DmnRules dmn;

    private Ruleset(Manifest manifest, String contentHash, ValueSets valueSets, DrlRules drl, DmnRules dmn) {
        this.manifest = manifest;
        this.contentHash = contentHash;
        this.valueSets = valueSets;
        this.drl = drl;
        this.dmn = dmn;
    }

    /** Lints, compiles and validates the package in {@code folder}; a {@link Refusal} lists everything that is wrong. */
    static Ruleset load(Path folder, int fireLimit) throws IOException {
        ObjectMapper json = Json.mapper();
        String hash = ContentHash.of(folder);
        Manifest manifest = Manifest.read(folder, json);
        ValueSets valueSets = ValueSets.read(folder.resolve("valuesets"), json);
        DmnRules dmn = DmnRules.load(folder, json);
        KieContainer container = DrlCompiler.compile(manifest, folder);
        if (container == null && dmn == null)
            throw Refusal.ruleset(List.of(Problem.in(Manifest.FILE, null, "the package holds no rules")));
        DrlRules drl = container == null ? null : DrlRules.open(container, manifest, valueSets, json, fireLimit);
        return new Ruleset(manifest, hash, valueSets, drl, dmn);
    }

    List<RuleText> rules() {
        List<RuleText> rules = new ArrayList<>();
        if (drl != null) rules.addAll(drl.rules());
        if (dmn != null) rules.addAll(dmn.rules());
        rules.sort(Comparator.comparing(RuleText::id));
        return rules;
    }

    /**
     * Judges {@code {"facts": {...}}} or {@code {"dmn": {...}, "model": "..."}}; a package of DMN alone takes its inputs as
     * facts too.
     */
    Judgement judge(JsonNode request, Deadline deadline) {
        boolean asInputs = request.has("dmn") || drl == null;
        if (!asInputs) return drl.judge(request.get("facts"), deadline);
        if (dmn == null) throw Refusal.facts("dmn", "the ruleset has no DMN model; send facts");
        JsonNode inputs = request.has("dmn") ? request.get("dmn") : request.get("facts");
        return dmn.judge(request.path("model").textValue(), inputs, deadline);
    }

    @Override
    public void close() {
        if (drl != null) drl.close();
    }
}
