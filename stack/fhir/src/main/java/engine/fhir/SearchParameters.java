package engine.fhir;

import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.api.dao.IFhirResourceDao;
import ca.uhn.fhir.rest.api.server.SystemRequestDetails;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import org.hl7.fhir.r4.model.Enumerations.PublicationStatus;
import org.hl7.fhir.r4.model.Enumerations.SearchParamType;
import org.hl7.fhir.r4.model.SearchParameter;

/** The searches that the engine needs beyond R4's own. Azure Health Data Services takes the same resources. */
final class SearchParameters {
    private static final String URL = "urn:workflow-engine:search-parameter:";
    private final IFhirResourceDao<SearchParameter> dao;
    private final ISearchParamRegistry registry;

    SearchParameters(DaoRegistry daos, ISearchParamRegistry registry) {
        this.dao = daos.getResourceDao(SearchParameter.class);
        this.registry = registry;
    }

    /** Idempotent: an update without a change makes no new version. */
    void install() {
        put("task-due", "due", "Task", SearchParamType.DATE, "Task.restriction.period.end");
        put("coverage-subscriber-id", "subscriber-id", "Coverage", SearchParamType.TOKEN, "Coverage.subscriberId");
        registry.forceRefresh();
    }

    private void put(String id, String code, String base, SearchParamType type, String expression) {
        var parameter = new SearchParameter();
        parameter.setId(id);
        parameter.setUrl(URL + id).setName(id).setCode(code).setType(type).setExpression(expression);
        parameter.setStatus(PublicationStatus.ACTIVE).setDescription(code + " of a " + base);
        parameter.addBase(base);
        dao.update(parameter, new SystemRequestDetails());
    }
}
