package engine.fhir;

import ca.uhn.fhir.batch2.jobs.config.BatchCommonCtx;
import ca.uhn.fhir.batch2.jobs.reindex.ReindexAppCtx;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.IDaoRegistry;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings.ClientIdStrategyEnum;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings.IdStrategyEnum;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings.StoreMetaSourceInformationEnum;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.ResourceCountCacheUtil;
import ca.uhn.fhir.jpa.dao.FulltextSearchSvcImpl;
import ca.uhn.fhir.jpa.dao.IFulltextSearchSvc;
import ca.uhn.fhir.jpa.dao.search.HSearchSortHelperImpl;
import ca.uhn.fhir.jpa.dao.search.IHSearchSortHelper;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.entity.StorageSettings.TagStorageModeEnum;
import ca.uhn.fhir.jpa.provider.DaoRegistryResourceSupportedSvc;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.search.IStaleSearchDeletingSvc;
import ca.uhn.fhir.jpa.search.StaleSearchDeletingSvcImpl;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.jpa.util.ResourceCountCache;
import ca.uhn.fhir.rest.api.IResourceSupportedSvc;
import ca.uhn.fhir.rest.server.IncomingRequestAddressStrategy;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import java.util.Set;
import javax.sql.DataSource;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** HAPI's JPA server, kept to storage, history, transactions and search: no subscriptions, no schedules, no full text. */
@Configuration
@Import({JpaR4Config.class, ThreadPoolFactoryConfig.class, JpaBatch2Config.class, SubscriptionChannelConfig.class, BatchCommonCtx.class, ReindexAppCtx.class})
class HapiConfig {
    private static final int PAGE_SIZE = 50;
    private static final int MAX_PAGE_SIZE = 500;

    @Bean
    JpaStorageSettings storageSettings() {
        var settings = new JpaStorageSettings();
        settings.setSchedulingDisabled(true);
        // PAS bundles refer to resources elsewhere, and a case may be written before what it mentions.
        settings.setAllowExternalReferences(true);
        settings.setEnforceReferentialIntegrityOnWrite(false);
        settings.setEnforceReferentialIntegrityOnDelete(false);
        settings.setEnforceReferenceTargetTypes(false);
        settings.setAutoCreatePlaceholderReferenceTargets(false);
        settings.setBundleTypesAllowedForStorage(Set.of("collection", "document", "message"));
        // Ids are ours (uuid5) or the server's (random): never numbers that could clash.
        settings.setResourceClientIdStrategy(ClientIdStrategyEnum.ANY);
        settings.setResourceServerIdStrategy(IdStrategyEnum.UUID);
        // A resource is stored as it was written: no request id in meta.source, tags in the version.
        settings.setStoreMetaSourceInformation(StoreMetaSourceInformationEnum.NONE);
        settings.setTagStorageMode(TagStorageModeEnum.INLINE);
        // A search sees what was written before it.
        settings.setReuseCachedSearchResultsForMillis(null);
        settings.setMarkResourcesForReindexingUponSearchParameterChange(false);
        settings.setStatusBasedReindexingDisabled(true);
        settings.setPreExpandValueSets(false);
        settings.setUniqueIndexesEnabled(false);
        return settings;
    }

    @Bean
    PartitionSettings partitionSettings() {
        return new PartitionSettings();
    }

    @Bean
    SubscriptionSettings subscriptionSettings() {
        return new SubscriptionSettings();
    }

    @Bean
    IFulltextSearchSvc fulltextSearch() {
        return new FulltextSearchSvcImpl();
    }

    @Bean
    IHSearchSortHelper sortHelper(ISearchParamRegistry registry) {
        return new HSearchSortHelperImpl(registry);
    }

    @Bean
    IStaleSearchDeletingSvc staleSearches() {
        return new StaleSearchDeletingSvcImpl();
    }

    /** HAPI's beans ask for one; the server below is not given it. */
    @Bean
    DatabaseBackedPagingProvider pagingProvider() {
        return new DatabaseBackedPagingProvider();
    }

    @Bean(name = "myResourceCountsCache")
    ResourceCountCache resourceCounts(IFhirSystemDao<?, ?> dao) {
        return ResourceCountCacheUtil.newResourceCountCache(dao);
    }

    @Bean
    IResourceSupportedSvc resourceSupport(IDaoRegistry registry) {
        return new DaoRegistryResourceSupportedSvc(registry);
    }

    @Bean
    SearchParameters searchParameters(DaoRegistry registry, ISearchParamRegistry parameters) {
        return new SearchParameters(registry, parameters);
    }

    /** Pages by offset: without a paging provider nothing is kept between two pages, so there is nothing to clean up. */
    @Bean
    RestfulServer restfulServer(
            IFhirSystemDao<?, ?> dao,
            IJpaSystemProvider system,
            ResourceProviderFactory resources,
            JpaStorageSettings settings,
            ISearchParamRegistry parameters,
            IValidationSupport validation,
            DataSource source) {
        var server = new RestfulServer(dao.getContext());
        server.registerProviders(resources.createProviders());
        server.registerProvider(system);
        server.setServerConformanceProvider(
                new JpaCapabilityStatementProvider(server, dao, settings, parameters, validation));
        server.setServerAddressStrategy(new IncomingRequestAddressStrategy());
        server.setDefaultPageSize(PAGE_SIZE);
        server.setMaximumPageSize(MAX_PAGE_SIZE);
        server.registerInterceptor(new CreateOnly());
        server.registerInterceptor(new StableOrder());
        server.registerInterceptor(new FailureLog());
        server.registerInterceptor(new Durable(source));
        return server;
    }
}
