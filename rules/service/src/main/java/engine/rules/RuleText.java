package engine.rules;

/**
 * A rule as an answer names it.
 *
 * @param id stable id: {@code @id} of a DRL rule, {@code id} of a DMN table's row
 * @param text a sentence that a provider can read: {@code @text}, or the row's first annotation
 */
public record RuleText(String id, String text) {}
