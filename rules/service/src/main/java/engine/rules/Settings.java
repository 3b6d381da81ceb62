package engine.rules;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;

/**
 * What the service is started with. Each is a system property ({@code -Dport=...}) or an environment variable
 * ({@code RULES_PORT}); the property wins.
 *
 * @param host address to listen on
 * @param port TCP port
 * @param directory folder of {@code <name>/<version>/ruleset.json}
 * @param timeout longest time of one evaluation
 * @param fireLimit most rule firings of one evaluation
 */
record Settings(String host, int port, Path directory, Duration timeout, int fireLimit) {

    static Settings read() {
        return new Settings(
                text("host", "127.0.0.1"),
                number("port", 8090),
                Path.of(text("directory", "rules/rulesets")),
                Duration.ofMillis(number("timeout", 5_000)),
                number("fireLimit", 10_000));
    }

    private static String text(String name, String fallback) {
        String variable = "RULES_" + name.replaceAll("([A-Z])", "_$1").toUpperCase(Locale.ROOT);
        String value = System.getProperty(name, System.getenv(variable));
        return value == null || value.isBlank() ? fallback : value;
    }

    private static int number(String name, int fallback) {
        String value = text(name, Integer.toString(fallback));
        try {
            return Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("setting '" + name + "' must be a whole number");
        }
    }
}
