package engine.kafka;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import kafka.Kafka;
import kafka.tools.StorageTool;
import org.apache.kafka.common.Uuid;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One Kafka node, broker and controller, at {@code 127.0.0.1:<port>}.
 *
 * <p>System properties: {@code port} (19092) and {@code data}, the folder of its topics. The settings that it runs on are
 * written to {@code server.properties} in that folder, for Kafka's own tools.
 */
public final class KafkaBroker {
    private static final Logger LOG = LoggerFactory.getLogger(KafkaBroker.class);
    private static final String HOST = "127.0.0.1";

    private KafkaBroker() {}

    public static void main(String[] arguments) throws IOException {
        var data = Path.of(System.getProperty("data", ".data/kafka")).toAbsolutePath();
        var topics = Files.createDirectories(data.resolve("topics"));
        var settings = write(settings(Integer.getInteger("port", 19092), topics), data.resolve("server.properties"));
        if (!Files.exists(topics.resolve("meta.properties"))) {
            format(settings);
        }
        Kafka.main(new String[] {settings.toString()});
    }

    private static Properties settings(int port, Path topics) throws IOException {
        var settings = new Properties();
        try (var fixed = KafkaBroker.class.getResourceAsStream("/server.properties")) {
            settings.load(fixed);
        }
        var controller = HOST + ":" + freePort();
        settings.setProperty("listeners", "PLAINTEXT://%s:%d,CONTROLLER://%s".formatted(HOST, port, controller));
        settings.setProperty("advertised.listeners", "PLAINTEXT://%s:%d".formatted(HOST, port));
        settings.setProperty("controller.quorum.voters", "1@" + controller);
        settings.setProperty("log.dirs", topics.toString());
        return settings;
    }

    /** The controller is spoken to by the broker of this process alone, so that any port will do. */
    private static int freePort() throws IOException {
        try (var probe = new ServerSocket(0, 1, InetAddress.getByName(HOST))) {
            return probe.getLocalPort();
        }
    }

    private static Path write(Properties settings, Path file) throws IOException {
        try (var out = Files.newBufferedWriter(file)) {
            settings.store(out, "Written at every start");
        }
        return file;
    }

    /** Gives the folder its cluster id. {@code meta.properties} is written last: half a format is done again. */
    private static void format(Path settings) {
        var cluster = Uuid.randomUuid().toString();
        var said = new ByteArrayOutputStream();
        var command = new String[] {"format", "--cluster-id", cluster, "--config", settings.toString()};
        if (StorageTool.execute(command, new PrintStream(said)) != 0) {
            throw new IllegalStateException("The folder of the topics could not be formatted: " + said);
        }
        LOG.info("Formatted for cluster {}", cluster);
    }
}
