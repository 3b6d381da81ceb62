package engine.fhir;

import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.rest.api.RestOperationTypeEnum;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import java.sql.SQLException;
import java.util.EnumSet;
import java.util.Set;
import javax.sql.DataSource;

/**
 * What was acknowledged is on the disk: H2 commits in memory and writes behind, so each write waits for a checkpoint
 * before it is answered. Requests that arrive together share one.
 */
@Interceptor
public final class Durable {
    private static final Set<RestOperationTypeEnum> WRITES = EnumSet.of(
            RestOperationTypeEnum.CREATE,
            RestOperationTypeEnum.UPDATE,
            RestOperationTypeEnum.PATCH,
            RestOperationTypeEnum.DELETE,
            RestOperationTypeEnum.TRANSACTION);

    private final DataSource source;
    private final Object turn = new Object();
    private long asked;
    private long done;

    Durable(DataSource source) {
        this.source = source;
    }

    @Hook(Pointcut.SERVER_OUTGOING_RESPONSE)
    public void beforeAnswer(RequestDetails request) throws SQLException {
        if (request.getRestOperationType() == null || !WRITES.contains(request.getRestOperationType())) {
            return;
        }
        long mine;
        synchronized (this) {
            mine = ++asked;
        }
        synchronized (turn) {
            if (done < mine) {
                checkpoint();
            }
        }
    }

    private void checkpoint() throws SQLException {
        long covered;
        synchronized (this) {
            covered = asked;
        }
        try (var connection = source.getConnection();
                var statement = connection.createStatement()) {
            statement.execute("CHECKPOINT SYNC");
        }
        done = covered;
    }
}
