package engine.rules;

import java.util.List;

/** The caller's fault: answered with {@code status} and every problem. */
final class Refusal extends RuntimeException {
    final int status;
    final String code;
    final transient List<Problem> problems;

    Refusal(int status, String code, List<Problem> problems) {
        super(code + " " + problems, null, false, false);
        this.status = status;
        this.code = code;
        this.problems = List.copyOf(problems);
    }

    static Refusal facts(String place, String text) {
        return new Refusal(422, "facts-refused", List.of(Problem.at(place, text)));
    }

    static Refusal ruleset(List<Problem> problems) {
        return new Refusal(422, "ruleset-refused", problems);
    }

    static Refusal notFound(String what) {
        return new Refusal(404, "not-found", List.of(Problem.at(null, what)));
    }
}
