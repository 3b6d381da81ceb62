package engine.camunda;

import io.atomix.cluster.messaging.ManagedUnicastService;
import io.atomix.cluster.messaging.UnicastService;
import io.atomix.utils.net.Address;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BiConsumer;

/** Datagrams to nobody: no socket is opened. */
final class NoGossip implements ManagedUnicastService {
    private volatile boolean running;

    @Override
    public void unicast(Address address, String subject, byte[] message) {}

    @Override
    public void addListener(String subject, BiConsumer<Address, byte[]> listener, Executor executor) {}

    @Override
    public void removeListener(String subject, BiConsumer<Address, byte[]> listener) {}

    @Override
    public CompletableFuture<UnicastService> start() {
        running = true;
        return CompletableFuture.completedFuture(this);
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public CompletableFuture<Void> stop() {
        running = false;
        return CompletableFuture.completedFuture(null);
    }
}
