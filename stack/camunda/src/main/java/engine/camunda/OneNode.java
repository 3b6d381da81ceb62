package engine.camunda;

import io.atomix.cluster.AtomixCluster;
import io.atomix.cluster.ClusterConfig;
import io.atomix.utils.Version;
import io.camunda.zeebe.util.VersionUtil;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.context.annotation.Bean;

/**
 * A cluster of one node, in place of the engine's own.
 *
 * <p>The engine gossips over UDP and binds that port to every address, whatever {@code zeebe.broker.network.host} says.
 * A single node has nobody to gossip with. It needs {@code spring.main.allow-bean-definition-overriding}.
 */
@AutoConfiguration
@ConditionalOnBean(ClusterConfig.class)
public class OneNode {

    @Bean(destroyMethod = "stop")
    AtomixCluster atomixCluster(ClusterConfig config) {
        var cluster = new Cluster(config, Version.from(VersionUtil.getVersion()));
        cluster.start();
        return cluster;
    }

    private static final class Cluster extends AtomixCluster {
        Cluster(ClusterConfig config, Version version) {
            super(config, version, null, new NoGossip());
        }
    }
}
