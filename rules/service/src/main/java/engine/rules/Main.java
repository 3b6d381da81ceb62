package engine.rules;

import java.nio.file.Files;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts the rules service: answers at once, is ready when every package is loaded. */
public final class Main {
    static {
        // POI logs through log4j-api, which complains when it finds no backend.
        System.setProperty("log4j2.loggerContextFactory", "org.apache.logging.log4j.simple.SimpleLoggerContextFactory");
    }

    private static final Logger LOG = LoggerFactory.getLogger(Main.class);

    private Main() {}

    /** Takes no arguments; {@link Settings} come from system properties and the environment. */
    public static void main(String[] arguments) {
        long start = System.nanoTime();
        try {
            Settings settings = Settings.read();
            if (!Files.isDirectory(settings.directory()))
                throw new IllegalArgumentException("setting 'directory' names no folder: " + settings.directory());
            Catalog catalog = new Catalog(settings.directory(), settings.fireLimit());
            new Api(settings, catalog).start();
            catalog.loadAll();
            var missing = catalog.missing();
            if (missing.isEmpty())
                LOG.info("ready on port {} after {} ms", settings.port(), (System.nanoTime() - start) / 1_000_000);
            else LOG.error("not ready: {}", missing);
        } catch (Exception e) {
            LOG.error("the rules service cannot start: {}", e.getMessage());
            System.exit(1);
        }
    }
}
