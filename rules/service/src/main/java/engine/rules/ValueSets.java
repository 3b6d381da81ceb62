package engine.rules;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Sets of codes that a package brings ({@code valuesets/*.json}: name, version, system, codes); rules see them as the global
 * {@code valueSets}. Immutable.
 */
public final class ValueSets {
    private final Map<String, Set<String>> codes;
    private final Map<String, String> versions;

    private ValueSets(Map<String, Set<String>> codes, Map<String, String> versions) {
        this.codes = codes;
        this.versions = versions;
    }

    static ValueSets read(Path folder, ObjectMapper json) throws IOException {
        Map<String, Set<String>> codes = new TreeMap<>();
        Map<String, String> versions = new TreeMap<>();
        if (Files.isDirectory(folder)) {
            try (var files = Files.newDirectoryStream(folder, "*.json")) {
                for (Path file : files) read(file, json, codes, versions);
            }
        }
        return new ValueSets(codes, versions);
    }

    private static void read(Path file, ObjectMapper json, Map<String, Set<String>> codes, Map<String, String> versions)
            throws IOException {
        try {
            JsonNode set = json.readTree(file.toFile());
            Set<String> members = new HashSet<>();
            set.required("codes").forEach(code -> members.add(code.textValue()));
            codes.put(set.required("name").textValue(), members);
            versions.put(
                    set.required("name").textValue(), set.required("version").textValue());
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw Refusal.ruleset(List.of(Problem.in(
                    file.getFileName().toString(), null, "must be a JSON object with name, version and codes")));
        }
    }

    /** Name to version of each set. */
    Map<String, String> versions() {
        return versions;
    }

    /** Whether {@code code} is in the set {@code name}; false when the code is null. */
    public boolean contains(String name, String code) {
        return set(name).contains(code);
    }

    /** Whether any of {@code given} is in the set {@code name}; false when there is none. */
    public boolean containsAny(String name, Collection<?> given) {
        Set<String> set = set(name);
        return given != null && given.stream().anyMatch(set::contains);
    }

    private Set<String> set(String name) {
        Set<String> set = codes.get(name);
        if (set == null) throw new IllegalArgumentException("the package has no value set '" + name + "'");
        return set;
    }
}
