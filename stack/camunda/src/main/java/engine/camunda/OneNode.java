package engine.camunda;

import io.atomix.cluster.AtomixCluster;
import io.atomix.cluster.ClusterConfig;
import io.atomix.utils.Version;
import io.camunda.zeebe.util.VersionUtil;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.context.annotation.Bean;
import org.springframework.core.env.Environment;
import org.springframework.core.env.Profiles;

/**
 * A cluster of one node, in place of the engine's own.
 *
 * <p>The engine gossips over UDP and binds that port to every address, whatever {@code zeebe.broker.network.host} says.
 * A single node has nobody to gossip with, and Operate and Tasklist, which would bind TCP to every address too, are no
 * part of the cluster at all. It needs {@code spring.main.allow-bean-definition-overriding}.
 */
@AutoConfiguration
@ConditionalOnBean(ClusterConfig.class)
public class OneNode {

    @Bean(destroyMethod = "stop")
    AtomixCluster atomixCluster(ClusterConfig config, Environment environment) {
        var cluster = new Cluster(config, Version.from(VersionUtil.getVersion()));
        if (environment.acceptsProfiles(Profiles.of("broker"))) {
            cluster.start();
        }
        return cluster;
    }

    private static final class Cluster extends AtomixCluster {
        Cluster(ClusterConfig config, Version version) {
            super(config, version, null, new NoGossip());
        }
    }
}
