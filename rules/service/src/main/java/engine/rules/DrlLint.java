package engine.rules;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.drools.drl.ast.descr.BaseDescr;
import org.drools.drl.ast.descr.ConditionalElementDescr;
import org.drools.drl.ast.descr.PackageDescr;
import org.drools.drl.ast.descr.PatternDescr;
import org.drools.drl.ast.descr.RuleDescr;
import org.drools.drl.parser.DrlParser;
import org.drools.drl.parser.DroolsParserException;
import org.kie.internal.builder.conf.LanguageLevelOption;

/** Finds what Drools accepts and clinical safety does not: absent facts must stay null and must never match. */
final class DrlLint {
    private static final Set<String> PRIMITIVES =
            Set.of("boolean", "byte", "char", "short", "int", "long", "float", "double");
    private static final Pattern NEGATIVE =
            Pattern.compile("([\\w.$]+)\\s*(?:!=|not\\s+(?:in|contains|memberOf|matches|str)\\b)\\s*(\\w*)");

    private final String file;
    private final List<Problem> problems = new ArrayList<>();

    private DrlLint(String file) {
        this.file = file;
    }

    static List<Problem> check(String file, String drl) {
        DrlLint lint = new DrlLint(file);
        PackageDescr parsed = parse(drl);
        if (parsed != null) lint.check(parsed); // what does not parse is reported by the compiler
        return lint.problems;
    }

    private static PackageDescr parse(String drl) {
        try {
            return new DrlParser(LanguageLevelOption.DRL6).parse(false, drl);
        } catch (DroolsParserException e) {
            return null;
        }
    }

    private void check(PackageDescr parsed) {
        for (var type : parsed.getTypeDeclarations()) {
            type.getFields().forEach((name, field) -> {
                String path = type.getTypeName() + "." + name;
                if (PRIMITIVES.contains(field.getPattern().getObjectType()))
                    problems.add(Problem.in(
                            file, type.getLine(), path + ": use the wrapper type: a primitive cannot be absent"));
                else if (!"null".equals(field.getInitExpr()))
                    problems.add(Problem.in(
                            file,
                            type.getLine(),
                            path + ": write '= null': Drools would turn an absent number into 0"));
            });
        }
        Set<String> ids = new HashSet<>();
        parsed.getRules().forEach(rule -> check(rule, ids));
    }

    private void check(RuleDescr rule, Set<String> ids) {
        for (String name : List.of("id", "text"))
            if (rule.getAnnotation(name) == null)
                problems.add(Problem.in(
                        file, rule.getLine(), "rule '" + rule.getName() + "' has no @" + name + "(\"...\")"));
        if (rule.getAnnotation("id") != null
                && !ids.add(String.valueOf(rule.getAnnotation("id").getValue())))
            problems.add(Problem.in(file, rule.getLine(), "rule '" + rule.getName() + "': the id is taken"));
        check(rule.getLhs());
    }

    private void check(BaseDescr element) {
        if (element instanceof PatternDescr pattern) check(pattern);
        else if (element instanceof ConditionalElementDescr group)
            group.getDescrs().forEach(child -> check((BaseDescr) child));
    }

    /** {@code a != b} and {@code a not in (...)} match when {@code a} is null, unless {@code a != null} stands before. */
    private void check(PatternDescr pattern) {
        String constraints = pattern.getConstraint().getDescrs().stream()
                .map(Object::toString)
                .collect(Collectors.joining(", "));
        Matcher negative = NEGATIVE.matcher(constraints);
        while (negative.find()) {
            String field = negative.group(1);
            boolean guard = "null".equals(negative.group(2));
            if (!guard
                    && !Pattern.compile("(?<![\\w.])" + Pattern.quote(field) + "\\s*!=\\s*null")
                            .matcher(constraints.substring(0, negative.start()))
                            .find())
                problems.add(Problem.in(
                        file,
                        pattern.getLine(),
                        "'" + field + "' is negated and may be absent: write '" + field + " != null' before"));
        }
    }
}
