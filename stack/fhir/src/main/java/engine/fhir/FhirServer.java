package engine.fhir;

import ca.uhn.fhir.rest.server.RestfulServer;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * Serves FHIR R4 at {@code http://127.0.0.1:<port>/fhir} and {@code /health/ready} beside it.
 *
 * <p>System properties: {@code port} (18480) and {@code data}, the folder of the H2 file.
 */
public final class FhirServer {
    private static final int MAX_THREADS = 24;

    private FhirServer() {}

    public static void main(String[] arguments) throws Exception {
        var context = new AnnotationConfigApplicationContext(DatabaseConfig.class, HapiConfig.class);
        context.getBean(DatabaseConfig.class).markCreated();
        context.getBean(SearchParameters.class).install();
        var jetty = listen(context.getBean(RestfulServer.class), Integer.getInteger("port", 18480));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(jetty, context)));
        jetty.join();
    }

    private static Server listen(RestfulServer fhir, int port) throws Exception {
        var server = new Server(new QueuedThreadPool(MAX_THREADS));
        var connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        connector.setPort(port);
        server.addConnector(connector);
        var handler = new ServletContextHandler();
        handler.addServlet(new ServletHolder(fhir), "/fhir/*");
        handler.addServlet(new ServletHolder(new Ready()), "/health/ready");
        server.setHandler(handler);
        server.start();
        return server;
    }

    private static void stop(Server server, AnnotationConfigApplicationContext context) {
        try {
            server.stop();
        } catch (Exception e) {
            System.err.println("The HTTP listener did not stop cleanly: " + e.getClass().getName());
        }
        context.close();
    }

    /** Answers 200 from the moment on that the server takes requests: it listens only once everything else stands. */
    private static final class Ready extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            response.setContentType("application/json");
            response.getWriter().write("{\"status\":\"ready\"}");
        }
    }
}
