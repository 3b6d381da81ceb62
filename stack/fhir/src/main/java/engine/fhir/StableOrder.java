package engine.fhir;

import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.rest.api.RestOperationTypeEnum;
import ca.uhn.fhir.rest.server.servlet.ServletRequestDetails;
import java.util.Arrays;
import java.util.List;

/** Sorts by id last: pages are cut by offset, and resources that sort alike would otherwise move between two pages. */
@Interceptor
public final class StableOrder {
    private static final String SORT = "_sort";

    /** At this point HAPI knows the operation and has not yet read the parameters. */
    @Hook(Pointcut.SERVER_INCOMING_REQUEST_POST_PROCESSED)
    public void sortById(ServletRequestDetails request) {
        if (request.getRestOperationType() != RestOperationTypeEnum.SEARCH_TYPE) {
            return;
        }
        String[] asked = request.getParameters().getOrDefault(SORT, new String[0]);
        List<String> keys = Arrays.asList(String.join(",", asked).split(","));
        if (!keys.contains("_id") && !keys.contains("-_id")) {
            String prefix = asked.length == 0 ? "" : String.join(",", asked) + ",";
            request.addParameter(SORT, new String[] {prefix + "_id"});
        }
    }
}
