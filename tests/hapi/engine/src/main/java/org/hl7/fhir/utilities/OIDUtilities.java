package org.hl7.fhir.utilities;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Stands in front of the class of the same name in HL7's library (6.7.9), which reads its registry of 21,000 OIDs anew
 * for every resource that is validated: three quarters of the engine's time. Here it is read once; the answers are the same.
 */
public class OIDUtilities {
    private static final Pattern OID = Pattern.compile("[0-2](\\.(0|[1-9][0-9]*))+");
    private static final String URN = "urn:oid:";
    private static final String ICD_9 = "http://hl7.org/fhir/sid/icd-9";
    private static final String CVX = "http://hl7.org/fhir/sid/cvx";
    private static final String NCI_META = "http://ncimeta.nci.nih.gov";
    private static final Map<String, String> URIS = Map.ofEntries(
            Map.entry("2.16.840.1.113883.6.96", "http://snomed.info/sct"),
            Map.entry("2.16.840.1.113883.6.1", "http://loinc.org"),
            Map.entry("2.16.840.1.113883.6.8", "http://unitsofmeasure.org"),
            Map.entry("2.16.840.1.113883.6.3", "http://hl7.org/fhir/sid/icd-10"),
            Map.entry("2.16.840.1.113883.6.42", ICD_9),
            Map.entry("2.16.840.1.113883.6.104", ICD_9),
            Map.entry("2.16.840.1.113883.6.103", ICD_9),
            Map.entry("2.16.840.1.113883.6.73", "http://www.whocc.no/atc"),
            Map.entry("2.16.840.1.113883.3.26.1.1", NCI_META),
            Map.entry("2.16.840.1.113883.3.26.1.1.1", NCI_META),
            Map.entry("2.16.840.1.113883.6.88", "http://www.nlm.nih.gov/research/umls/rxnorm"),
            Map.entry("2.16.840.1.113883.6.59", CVX),
            Map.entry("2.16.840.1.113883.12.292", CVX),
            Map.entry("2.16.840.1.113883.6.12", "http://www.ama-assn.org/go/cpt"));
    private static final Set<String> KNOWN = known();

    private static Set<String> known() {
        try (InputStream registry = OIDUtilities.class.getClassLoader().getResourceAsStream("oidregistry.csv");
                BufferedReader lines = new BufferedReader(new InputStreamReader(registry, StandardCharsets.UTF_8))) {
            // As in the library, a line whose last cells are empty does not count.
            return lines.lines()
                    .skip(1)
                    .map(line -> line.split(","))
                    .filter(cells -> cells.length >= 4)
                    .map(cells -> cells[0].trim())
                    .collect(Collectors.toUnmodifiableSet());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public boolean isKnownOID(String uri) {
        return uri != null && uri.startsWith(URN) && KNOWN.contains(uri.substring(URN.length()));
    }

    public static boolean isValidOID(String oid) {
        return OID.matcher(oid).matches();
    }

    public static String getUriForOid(String oid) {
        return oid == null ? null : URIS.get(oid);
    }
}
