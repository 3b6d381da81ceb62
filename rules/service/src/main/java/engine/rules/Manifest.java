package engine.rules;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * {@code ruleset.json}: what a version of a ruleset says of itself.
 *
 * @param name ruleset, equal to its folder
 * @param version semantic version, equal to its folder
 * @param packageName DRL package
 * @param effective first day of validity (ISO date)
 * @param owner who answers for the content
 * @param text one sentence on what it judges
 * @param facts DRL only: fact type to how many of it are taken ({@code 1}, {@code 0..1}, {@code 1..*}, {@code 0..*})
 * @param results DRL only: types that make up the answer
 */
record Manifest(
        String name,
        String version,
        @JsonProperty("package") String packageName,
        String effective,
        String owner,
        String text,
        Map<String, String> facts,
        List<String> results) {

    static final String FILE = "ruleset.json";
    private static final List<String> CARDINALITIES = List.of("1", "0..1", "1..*", "0..*");

    static Manifest read(Path folder, ObjectMapper json) throws IOException {
        Manifest manifest;
        try {
            manifest = json.readValue(folder.resolve(FILE).toFile(), Manifest.class);
        } catch (JsonProcessingException e) {
            throw Refusal.ruleset(List.of(Problem.in(
                    FILE, e.getLocation() == null ? null : e.getLocation().getLineNr(), e.getOriginalMessage())));
        }
        List<Problem> problems = manifest.problems(folder);
        if (!problems.isEmpty()) throw Refusal.ruleset(problems);
        return manifest;
    }

    private List<Problem> problems(Path folder) {
        List<Problem> problems = new ArrayList<>();
        for (var field : Map.of(
                        "package",
                        orEmpty(packageName),
                        "effective",
                        orEmpty(effective),
                        "owner",
                        orEmpty(owner),
                        "text",
                        orEmpty(text))
                .entrySet())
            if (field.getValue().isBlank()) problems.add(Problem.in(FILE, field.getKey(), "is missing"));
        if (!folder.getFileName().toString().equals(version))
            problems.add(Problem.in(FILE, "version", "must equal the folder's name"));
        if (!folder.getParent().getFileName().toString().equals(name))
            problems.add(Problem.in(FILE, "name", "must equal the folder's name"));
        facts().forEach((type, cardinality) -> {
            if (!CARDINALITIES.contains(cardinality))
                problems.add(Problem.in(FILE, "facts." + type, "must be one of " + CARDINALITIES));
        });
        return problems;
    }

    private static String orEmpty(String value) {
        return value == null ? "" : value;
    }

    @Override
    public Map<String, String> facts() {
        return facts == null ? Map.of() : facts;
    }

    @Override
    public List<String> results() {
        return results == null ? List.of() : results;
    }
}
