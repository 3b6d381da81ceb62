package engine.fhir;

import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.rest.server.exceptions.BaseServerResponseException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One line and the frames for a failure of the server's own; never a message, because messages quote resources. */
@Interceptor
public final class FailureLog {
    private static final Logger LOG = LoggerFactory.getLogger(FailureLog.class);
    private static final int FRAMES = 12;

    @Hook(Pointcut.SERVER_HANDLE_EXCEPTION)
    public void failed(BaseServerResponseException failure) {
        if (failure.getStatusCode() < 500) {
            return;
        }
        Throwable cause = failure;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        var lines = new StringBuilder(cause.getClass().getName());
        var frames = cause.getStackTrace();
        for (int i = 0; i < Math.min(FRAMES, frames.length); i++) {
            lines.append("\n    at ").append(frames[i]);
        }
        LOG.error("HTTP {}: {}", failure.getStatusCode(), lines);
    }
}
