package engine.rules;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.drools.compiler.kie.builder.impl.DrlProject;
import org.kie.api.KieServices;
import org.kie.api.builder.KieBuilder;
import org.kie.api.builder.KieFileSystem;
import org.kie.api.builder.Message;
import org.kie.api.builder.ReleaseId;
import org.kie.api.builder.model.KieModuleModel;
import org.kie.api.runtime.KieContainer;

/** Compiles the DRL files and decision tables of a package; classic compilation, whose errors carry lines. */
final class DrlCompiler {
    private static final Pattern LINE = Pattern.compile("\\[?Line[: ]+(\\d+)");
    private static final Pattern RULE = Pattern.compile("\\[Rule name='([^']+)'");

    private final KieServices kie = KieServices.get();
    private final Manifest manifest;
    private final Map<String, String> sources = new LinkedHashMap<>();
    private final Map<String, Spreadsheet> sheets = new HashMap<>();
    private final List<Problem> problems = new ArrayList<>();

    private DrlCompiler(Manifest manifest) {
        this.manifest = manifest;
    }

    /** The compiled package, or null when it has no DRL and no decision table. */
    static KieContainer compile(Manifest manifest, Path folder) throws IOException {
        DrlCompiler compiler = new DrlCompiler(manifest);
        for (Path file : ContentHash.files(folder)) compiler.add(file);
        if (compiler.sources.isEmpty() && compiler.problems.isEmpty()) return null;
        if (!compiler.problems.isEmpty()) throw Refusal.ruleset(compiler.problems);
        return compiler.build();
    }

    private void add(Path file) throws IOException {
        String name = file.getFileName().toString();
        if (name.endsWith(".drl")) {
            String drl = Files.readString(file);
            problems.addAll(DrlLint.check(name, drl));
            sources.put(name, drl);
        } else if (Spreadsheet.NAME.matcher(name).matches()) {
            for (Spreadsheet sheet : Spreadsheet.read(file, problems)) {
                sheets.put(sheet.source(), sheet);
                sources.put(sheet.source(), sheet.drl());
            }
        }
    }

    private KieContainer build() {
        // A release id of its own for every build: builds that share one corrupt each other.
        ReleaseId release = kie.newReleaseId("rules", manifest.name(), manifest.version() + "-" + UUID.randomUUID());
        KieModuleModel module = kie.newKieModuleModel();
        module.newKieBaseModel("rules")
                .setDefault(true)
                .addPackage("*")
                .newKieSessionModel("session")
                .setDefault(true);
        KieFileSystem files = kie.newKieFileSystem();
        files.generateAndWritePomXML(release);
        files.writeKModuleXML(module.toXML());
        String folder = "src/main/resources/" + manifest.packageName().replace('.', '/') + "/";
        sources.forEach((name, drl) -> files.write(folder + name, drl));
        KieBuilder builder = kie.newKieBuilder(files);
        builder.buildAll(DrlProject.class);
        List<Problem> errors = builder.getResults().getMessages(Message.Level.ERROR).stream()
                .filter(message -> !message.getText().startsWith("Parser returned a null Package"))
                .map(this::problem)
                .toList();
        if (builder.getResults().hasMessages(Message.Level.ERROR)) {
            kie.getRepository().removeKieModule(release);
            throw Refusal.ruleset(errors);
        }
        return kie.newKieContainer(release);
    }

    private Problem problem(Message message) {
        String path = String.valueOf(message.getPath());
        String source = path.substring(path.lastIndexOf('/') + 1);
        int line = line(message, source);
        String text = message.getText().split("\n(package |\\[Near)")[0].strip().replaceAll("\\s*\n\\s*", " ");
        Spreadsheet sheet = sheets.get(source);
        if (sheet != null) return Problem.in(sheet.file(), sheet.cell(line), text);
        return Problem.in(source, line > 0 ? line : null, text);
    }

    /** The message's line, else the one in its text, else the line of the rule that it names; 0 when nothing tells. */
    private int line(Message message, String source) {
        if (message.getLine() > 0) return message.getLine();
        Matcher line = LINE.matcher(message.getText());
        if (line.find()) return Integer.parseInt(line.group(1));
        Matcher rule = RULE.matcher(message.getText());
        String drl = sources.getOrDefault(source, "");
        int at = rule.find() ? drl.indexOf("rule \"" + rule.group(1) + "\"") : -1;
        return at < 0 ? 0 : (int) drl.substring(0, at).lines().count() + 1;
    }
}
