package engine.rules;

import static org.kie.dmn.validation.DMNValidator.Validation.ANALYZE_DECISION_TABLE;
import static org.kie.dmn.validation.DMNValidator.Validation.VALIDATE_COMPILATION;
import static org.kie.dmn.validation.DMNValidator.Validation.VALIDATE_MODEL;
import static org.kie.dmn.validation.DMNValidator.Validation.VALIDATE_SCHEMA;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kie.dmn.api.core.DMNMessage;
import org.kie.dmn.api.core.DMNMessageType;
import org.kie.dmn.validation.DMNValidator;
import org.kie.dmn.validation.DMNValidatorFactory;

/** Schema, model, compilation and table analysis (gaps, overlaps) of DMN models. */
final class DmnValidation {
    /** Warnings that make a table unsafe: a gap means that some facts have no answer. */
    private static final Set<DMNMessageType> SERIOUS = Set.of(
            DMNMessageType.DECISION_TABLE_GAP,
            DMNMessageType.DECISION_TABLE_OVERLAP,
            DMNMessageType.DECISION_TABLE_OVERLAP_HITPOLICY_UNIQUE,
            DMNMessageType.DECISION_TABLE_MASKED_RULE,
            DMNMessageType.DECISION_TABLE_ANALYSIS_ERROR);

    private DmnValidation() {}

    static List<Problem> check(Map<String, String> sources) {
        List<Problem> problems = new ArrayList<>();
        DMNValidator validator = DMNValidatorFactory.newValidator();
        try {
            sources.forEach((file, text) -> problems.addAll(check(validator, file, text)));
        } finally {
            validator.dispose();
        }
        return problems;
    }

    private static List<Problem> check(DMNValidator validator, String file, String text) {
        return validator
                .validateUsing(VALIDATE_SCHEMA, VALIDATE_MODEL, VALIDATE_COMPILATION, ANALYZE_DECISION_TABLE)
                .theseModels(new StringReader(text))
                .stream()
                .filter(message -> message.getSeverity() == DMNMessage.Severity.ERROR
                        || SERIOUS.contains(message.getMessageType()))
                .map(message ->
                        Problem.in(file, message.getSourceId(), message.getMessageType() + ": " + message.getText()))
                .toList();
    }
}
