package engine.rules;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ConcurrentSkipListSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Every loaded version of every ruleset, side by side. */
final class Catalog {
    private static final Logger LOG = LoggerFactory.getLogger(Catalog.class);
    private static final String SEGMENT = "[a-z0-9][a-z0-9.-]{0,63}";

    private final Path directory;
    private final int fireLimit;
    private final Map<String, Map<String, Ruleset>> loaded = new ConcurrentSkipListMap<>();
    private final Map<String, String> current = new ConcurrentSkipListMap<>();
    private final Set<String> failed = new ConcurrentSkipListSet<>();
    private volatile boolean complete;

    Catalog(Path directory, int fireLimit) {
        this.directory = directory;
        this.fireLimit = fireLimit;
    }

    /** Loads all packages; a broken one is reported and the others serve. */
    void loadAll() throws IOException {
        for (Path folder : packages()) {
            String version = folder.getFileName().toString();
            String name = folder.getParent().getFileName().toString();
            try {
                publish(name, version);
            } catch (Refusal e) {
                failed.add(name + " " + version);
                e.problems.forEach(problem -> LOG.error("{} {}: {}", name, version, problem));
            } catch (IOException | RuntimeException e) {
                failed.add(name + " " + version);
                LOG.error("{} {}: cannot be loaded", name, version, e);
            }
        }
        complete = true;
    }

    private List<Path> packages() throws IOException {
        try (var walk = Files.walk(directory, 3)) {
            return walk.filter(file -> file.endsWith(Manifest.FILE))
                    .map(Path::getParent)
                    .sorted()
                    .toList();
        }
    }

    /** Loads a version from its folder. The same content again changes nothing; other content is refused. */
    synchronized Ruleset publish(String name, String version) throws IOException {
        Path folder = folder(name, version);
        Map<String, Ruleset> versions = loaded.computeIfAbsent(name, key -> new ConcurrentSkipListMap<>());
        Ruleset old = versions.get(version);
        if (old != null) {
            if (old.contentHash.equals(ContentHash.of(folder))) return old;
            throw new Refusal(
                    409,
                    "version-published",
                    List.of(Problem.at(
                            null, "this version is published with other content; give the change a new version")));
        }
        Ruleset ruleset = Ruleset.load(folder, fireLimit);
        versions.put(version, ruleset);
        failed.remove(name + " " + version);
        return ruleset;
    }

    private Path folder(String name, String version) {
        Path folder = directory.resolve(name).resolve(version);
        if (!name.matches(SEGMENT) || !version.matches(SEGMENT) || !Files.exists(folder.resolve(Manifest.FILE)))
            throw Refusal.notFound("there is no folder <name>/<version> with a " + Manifest.FILE);
        return folder;
    }

    Ruleset find(String name, String version) {
        Ruleset ruleset = loaded.getOrDefault(name, Map.of()).get(version);
        if (ruleset == null) throw Refusal.notFound("no such ruleset and version is loaded");
        return ruleset;
    }

    Map<String, Collection<Ruleset>> all() {
        Map<String, Collection<Ruleset>> all = new TreeMap<>();
        loaded.forEach((name, versions) -> {
            if (!versions.isEmpty()) all.put(name, List.copyOf(versions.values()));
        });
        return all;
    }

    /** The version that new cases take: {@code <name>/current}, read anew; while that is not loaded, the one before. */
    String current(String name) throws IOException {
        Path file = directory.resolve(name).resolve("current");
        String version = Files.exists(file) ? Files.readString(file).strip() : "";
        if (loaded.getOrDefault(name, Map.of()).containsKey(version)) current.put(name, version);
        return current.get(name);
    }

    /** Whether all packages were looked at: before, what is not here may yet come. */
    boolean complete() {
        return complete;
    }

    /** Why the service is not ready; empty when it is. */
    List<String> missing() throws IOException {
        List<String> missing = new ArrayList<>();
        if (!complete) missing.add("packages are loading");
        failed.forEach(version -> missing.add(version + " does not load"));
        for (String name : all().keySet())
            if (complete && current(name) == null) missing.add(name + "/current names no loaded version");
        return missing;
    }
}
