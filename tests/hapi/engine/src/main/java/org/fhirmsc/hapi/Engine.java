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
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * HL7's instance validator for R4, offline, as a co-process.
 *
 * <p>It writes {@code {"ready": true}}, then for each line of standard input, which is one resource in JSON, one line:
 * {@code {"index": 0, "messages": [{"severity": "error", "location": "Patient.gender", "message": "..."}]}}.
 */
public final class Engine {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final FhirValidator validator;

    private Engine() {
        FhirContext context = FhirContext.forR4();
        validator = context.newValidator()
                .registerValidatorModule(new FhirInstanceValidator(new ValidationSupportChain(
                        new DefaultProfileValidationSupport(context),
                        new CommonCodeSystemsTerminologyService(context),
                        new InMemoryTerminologyServerValidationSupport(context),
                        new SnapshotGeneratingValidationSupport(context),
                        new UnknownCodeSystemWarningValidationSupport(context))));
    }

    public static void main(String[] args) throws IOException {
        Locale.setDefault(Locale.ENGLISH);
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        // Standard output belongs to the answers, whatever a library prints.
        System.setOut(System.err);
        Engine engine = new Engine();
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
