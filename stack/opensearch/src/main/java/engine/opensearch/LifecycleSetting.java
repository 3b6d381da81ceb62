package engine.opensearch;

import java.util.List;
import org.opensearch.common.settings.Setting;
import org.opensearch.plugins.Plugin;

/** Knows the one setting of the plugin for index lifecycles that Tasklist 8.6 writes to every index. Nothing acts on it. */
public final class LifecycleSetting extends Plugin {
    @Override
    public List<Setting<?>> getSettings() {
        return List.of(Setting.simpleString(
                "index.plugins.index_state_management.policy_id", Setting.Property.IndexScope, Setting.Property.Dynamic));
    }
}
