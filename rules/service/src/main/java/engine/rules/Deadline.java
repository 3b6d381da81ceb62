package engine.rules;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** The longest time that one evaluation may take. Close it when the evaluation ends. */
final class Deadline implements AutoCloseable {
    private final ScheduledExecutorService timer;
    private final long end;
    private ScheduledFuture<?> alarm;

    Deadline(ScheduledExecutorService timer, Duration timeout) {
        this.timer = timer;
        this.end = System.nanoTime() + timeout.toNanos();
    }

    /** Runs {@code stop} on another thread when the time is over. */
    void onExpiry(Runnable stop) {
        if (alarm != null) alarm.cancel(false);
        alarm = timer.schedule(stop, Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
    }

    /** Refuses when the time is over. */
    void check() {
        if (System.nanoTime() >= end)
            throw new Refusal(
                    503, "timeout", List.of(Problem.at(null, "the evaluation took too long and was stopped")));
    }

    @Override
    public void close() {
        if (alarm != null) alarm.cancel(false);
    }
}
