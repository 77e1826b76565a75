package org.fhirmsc.hapi;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.BaseValidationSupportWrapper;
import org.hl7.fhir.instance.model.api.IBaseResource;

/** R4's own definitions by URL and version ({@code …/SimpleQuantity|4.0.1}), as packages name them: they are known without. */
final class CoreByVersion extends BaseValidationSupportWrapper {
    private static final String CORE = "http://hl7.org/fhir/";
    private static final String VERSION = "|4.0.1";

    CoreByVersion(FhirContext context, IValidationSupport core) {
        super(context, core);
    }

    @Override
    public <T extends IBaseResource> T fetchResource(Class<T> type, String url) {
        return names(url) ? super.fetchResource(type, plain(url)) : null;
    }

    @Override
    public IBaseResource fetchStructureDefinition(String url) {
        return names(url) ? super.fetchStructureDefinition(plain(url)) : null;
    }

    @Override
    public IBaseResource fetchValueSet(String url) {
        return names(url) ? super.fetchValueSet(plain(url)) : null;
    }

    private static boolean names(String url) {
        return url != null && url.startsWith(CORE) && url.endsWith(VERSION);
    }

    private static String plain(String url) {
        return url.substring(0, url.length() - VERSION.length());
    }
}
