package engine.rules;

import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * One thing that is wrong with a rule package or with facts.
 *
 * @param file file inside the package; null for facts
 * @param place line number, spreadsheet cell ({@code Codes!B7}), or path of a fact ({@code Request.receivedOn})
 * @param text what is wrong and what to do; never a value of the facts
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Problem(String file, String place, String text) {

    static Problem in(String file, Object place, String text) {
        return new Problem(file, place == null ? null : place.toString(), text);
    }

    static Problem at(String place, String text) {
        return new Problem(null, place, text);
    }

    @Override
    public String toString() {
        return (file == null ? "" : file + (place == null ? "" : ":")) + (place == null ? "" : place) + ": " + text;
    }
}
