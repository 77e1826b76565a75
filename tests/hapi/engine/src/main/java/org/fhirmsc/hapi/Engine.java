package org.fhirmsc.hapi;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.utilities.npm.NpmPackage;

/**
 * HL7's instance validator for R4, offline, as a co-process. Each argument is the archive of a FHIR package that it knows.
 *
 * <p>It writes {@code {"ready": true}}, then for each line of standard input, which is one resource in JSON, one line:
 * {@code {"index": 0, "messages": [{"severity": "error", "location": "Patient.gender", "message": "..."}]}}.
 */
public final class Engine {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final FhirValidator validator;

    private static final Set<String> READ = Set.of("StructureDefinition", "ValueSet", "CodeSystem");

    private Engine(String[] packages) throws IOException {
        FhirContext context = FhirContext.forR4();
        PrePopulatedValidationSupport read = new PrePopulatedValidationSupport(context);
        for (String archive : packages) {
            read(context, Path.of(archive), read);
        }
        DefaultProfileValidationSupport core = new DefaultProfileValidationSupport(context);
        validator = context.newValidator()
                .registerValidatorModule(new FhirInstanceValidator(new ValidationSupportChain(
                        core,
                        read,
                        new CoreByVersion(context, core),
                        new CommonCodeSystemsTerminologyService(context),
                        new InMemoryTerminologyServerValidationSupport(context),
                        new SnapshotGeneratingValidationSupport(context),
                        new UnknownCodeSystemWarningValidationSupport(context))));
    }

    private static void read(FhirContext context, Path archive, PrePopulatedValidationSupport into) throws IOException {
        try (InputStream stream = Files.newInputStream(archive)) {
            NpmPackage files = NpmPackage.fromPackage(stream);
            for (String name : files.list("package")) {
                if (READ.contains(name.split("-")[0])) {
                    try (InputStream file = files.load("package", name)) {
                        into.addResource(context.newJsonParser().parseResource(file));
                    }
                }
            }
        }
    }

    public static void main(String[] args) throws IOException {
        Locale.setDefault(Locale.ENGLISH);
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        // Standard output belongs to the answers, whatever a library prints.
        System.setOut(System.err);
        Engine engine = new Engine(args);
        engine.check("{\"resourceType\": \"Patient\"}");
        answers.println(JSON.createObjectNode().put("ready", true));

        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        int index = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            ObjectNode answer = JSON.createObjectNode().put("index", index++);
            answer.set("messages", engine.check(line));
            answers.println(answer);
        }
    }

    private ArrayNode check(String resource) {
        ArrayNode messages = JSON.createArrayNode();
        try {
            for (SingleValidationMessage message : validator.validateWithResult(resource).getMessages()) {
                add(messages, message.getSeverity().getCode(), message.getLocationString(), message.getMessage());
            }
        } catch (RuntimeException e) {
            // The engine itself crashes on some resources; one of them must not end the process.
            add(messages, "fatal", null, "the engine failed: " + e);
        }
        return messages;
    }

    private static void add(ArrayNode messages, String severity, String location, String message) {
        messages.addObject()
                .put("severity", severity)
                .put("location", location == null ? "" : location)
                .put("message", message);
    }
}
