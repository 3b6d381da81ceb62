package engine.opensearch;

import org.codelibs.opensearch.runner.OpenSearchRunner;
import org.opensearch.common.settings.Settings;

/**
 * One OpenSearch node at {@code 127.0.0.1:<port>}.
 *
 * <p>System properties: {@code port} (19200), {@code transport} (19300), between nodes, and {@code data}, the folder of its
 * indices.
 */
public final class OpenSearch {
    private static final String HOST = "127.0.0.1";

    private OpenSearch() {}

    public static void main(String[] arguments) throws InterruptedException {
        var runner = new OpenSearchRunner();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
        runner.onBuild((number, settings) -> set(settings));
        runner.build(OpenSearchRunner.newConfigs()
                .basePath(System.getProperty("data", ".data/opensearch"))
                .clusterName("opensearch")
                .numOfNode(1)
                .pluginTypes(LifecycleSetting.class.getName())
                .useLogger());
        Thread.currentThread().join();
    }

    private static void set(Settings.Builder settings) {
        settings.put("network.host", HOST);
        settings.put("http.port", Integer.getInteger("port", 19200));
        settings.put("transport.port", Integer.getInteger("transport", 19300));
        settings.put("discovery.type", "single-node");
        settings.put("logger.level", "WARN");
        settings.remove("cluster.initial_cluster_manager_nodes");
        settings.remove("cluster.initial_master_nodes");
        settings.remove("discovery.seed_hosts");
        settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        settings.put("cluster.max_shards_per_node", 5000);
    }

    private static void close(OpenSearchRunner runner) {
        try {
            runner.close();
        } catch (Exception ended) {
            throw new IllegalStateException("OpenSearch was not closed", ended);
        }
    }
}
