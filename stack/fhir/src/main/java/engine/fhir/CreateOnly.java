package engine.fhir;

import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.rest.api.RestOperationTypeEnum;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.server.exceptions.PreconditionFailedException;
import ca.uhn.fhir.rest.server.servlet.ServletRequestDetails;
import java.util.HashSet;
import java.util.Set;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.Bundle.HTTPVerb;

/**
 * {@code If-None-Match: *} on PUT, as a header and as {@code Bundle.entry.request.ifNoneMatch}: the resource must not
 * exist, else 412 and, in a transaction, nothing is written.
 *
 * <p>Two creations at the same moment are told apart by the database's unique index (409).
 * Source: https://hl7.org/fhir/R4/http.html#versionaware and RFC 9110, 13.1.2.
 */
@Interceptor
public final class CreateOnly {
    private static final String KEY = CreateOnly.class.getName();

    @Hook(Pointcut.SERVER_INCOMING_REQUEST_PRE_HANDLED)
    public void remember(ServletRequestDetails request, RestOperationTypeEnum operation) {
        Set<String> references = new HashSet<>();
        if (operation == RestOperationTypeEnum.UPDATE && "*".equals(request.getHeader("If-None-Match"))) {
            references.add(request.getResourceName() + "/" + request.getId().getIdPart());
        } else if (operation == RestOperationTypeEnum.TRANSACTION && request.getResource() instanceof Bundle bundle) {
            for (var entry : bundle.getEntry()) {
                var line = entry.getRequest();
                if (line.getMethod() == HTTPVerb.PUT && "*".equals(line.getIfNoneMatch())) {
                    references.add(line.getUrl());
                }
            }
        }
        request.getUserData().put(KEY, references);
    }

    @Hook(Pointcut.STORAGE_PRESTORAGE_RESOURCE_UPDATED)
    public void refuse(IBaseResource before, IBaseResource after, RequestDetails request) {
        if (request != null
                && request.getUserData().get(KEY) instanceof Set<?> references
                && references.contains(after.getIdElement().toUnqualifiedVersionless().getValue())) {
            throw new PreconditionFailedException("The resource exists, and If-None-Match: * asks that it does not");
        }
    }
}
