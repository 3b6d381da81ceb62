package engine.rules;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.poi.ss.usermodel.Cell;
import org.apache.poi.ss.usermodel.CellType;
import org.apache.poi.ss.usermodel.Row;
import org.apache.poi.ss.usermodel.Sheet;
import org.apache.poi.ss.util.CellReference;

/** Finds what Drools accepts silently in a decision table: each problem with its cell. One object checks one workbook. */
final class SpreadsheetLint {
    /** Sheets whose name starts so hold prose. */
    static final String NOTES = "Notes";

    private static final Set<String> KEYWORDS = Set.of("NAME", "CONDITION", "ACTION", "METADATA", "PRIORITY");
    private static final Pattern QUOTED = Pattern.compile("\"\\$(param|1)\"");
    private static final Pattern LITERAL = Pattern.compile("-?\\d+(\\.\\d+)?|true|false|null");
    private static final int BELOW_TABLE = 5; // header, pattern, snippet, label, then data

    private record Column(String keyword, String snippet) {
        boolean metadata(String name) {
            return keyword.equals("METADATA") && snippet.startsWith(name + "(");
        }
    }

    private final String file;
    private final List<Problem> problems;
    private final Map<String, String> ids = new HashMap<>();

    SpreadsheetLint(String file, List<Problem> problems) {
        this.file = file;
        this.problems = problems;
    }

    void check(Sheet sheet) {
        boolean table = false;
        for (Row row : sheet) {
            for (Cell cell : row) {
                if (text(cell).startsWith("RuleTable")) {
                    table = true;
                    check(sheet, row.getRowNum());
                }
            }
        }
        if (!table)
            problems.add(Problem.in(
                    file, sheet.getSheetName(), "has no RuleTable; name a sheet of prose '" + NOTES + " ...'"));
    }

    private void check(Sheet sheet, int top) {
        Map<Integer, Column> columns = columns(sheet, top);
        if (columns.values().stream().noneMatch(column -> column.metadata("id")))
            add(sheet, top, 0, "the table needs a METADATA column with the snippet id(\"$param\")");
        if (columns.values().stream().noneMatch(column -> column.metadata("text")))
            add(sheet, top, 0, "the table needs a METADATA column with the snippet text(\"$param\")");
        for (int number = top + BELOW_TABLE; number <= sheet.getLastRowNum(); number++) {
            Row row = sheet.getRow(number);
            if (row == null || blank(row)) return;
            if (text(row.getCell(row.getFirstCellNum())).startsWith("RuleTable")) return;
            check(sheet, row, columns);
        }
    }

    private Map<Integer, Column> columns(Sheet sheet, int top) {
        Map<Integer, Column> columns = new TreeMap<>();
        Row header = sheet.getRow(top + 1);
        Row snippets = sheet.getRow(top + 3);
        if (header == null || snippets == null) {
            add(sheet, top, 0, "the table has no header, pattern and snippet rows");
            return columns;
        }
        for (Cell cell : header) {
            String keyword = text(cell);
            if (keyword.isEmpty()) continue;
            if (KEYWORDS.contains(keyword))
                columns.put(cell.getColumnIndex(), new Column(keyword, text(snippets.getCell(cell.getColumnIndex()))));
            else
                add(
                        sheet,
                        cell.getRowIndex(),
                        cell.getColumnIndex(),
                        "unknown column keyword; use one of "
                                + KEYWORDS.stream().sorted().toList());
        }
        return columns;
    }

    private void check(Sheet sheet, Row row, Map<Integer, Column> columns) {
        boolean condition = false;
        for (var entry : columns.entrySet()) {
            Column column = entry.getValue();
            Cell cell = row.getCell(entry.getKey());
            String value = text(cell);
            condition |= column.keyword.equals("CONDITION") && !value.isEmpty();
            if (column.keyword.equals("METADATA") && value.isEmpty())
                add(sheet, row.getRowNum(), entry.getKey(), "must not be blank");
            if (column.metadata("id") && !value.isEmpty()) unique(sheet, cell, value);
            if (!value.isEmpty()) content(sheet, cell, column, value);
        }
        if (!condition)
            add(
                    sheet,
                    row.getRowNum(),
                    row.getFirstCellNum(),
                    "every condition of the row is blank: it would fire for everything");
    }

    private void content(Sheet sheet, Cell cell, Column column, String value) {
        boolean quoted = QUOTED.matcher(column.snippet).find();
        if (cell.getCellType() == CellType.FORMULA) add(sheet, cell, "must be a value, not a formula");
        else if (quoted && cell.getCellType() != CellType.STRING)
            add(sheet, cell, "must be formatted as text: as a number it loses leading zeros, long digits and dates");
        else if (!quoted
                && column.snippet.contains("$")
                && !LITERAL.matcher(value).matches())
            add(sheet, cell, "must be a number, true, false or null: the column's snippet takes it as code");
    }

    private void unique(Sheet sheet, Cell cell, String id) {
        String first = ids.putIfAbsent(id, place(sheet, cell.getRowIndex(), cell.getColumnIndex()));
        if (first != null) add(sheet, cell, "the id is taken by " + first);
    }

    private void add(Sheet sheet, Cell cell, String text) {
        add(sheet, cell.getRowIndex(), cell.getColumnIndex(), text);
    }

    private void add(Sheet sheet, int row, int column, String text) {
        problems.add(Problem.in(file, place(sheet, row, column), text));
    }

    private static String place(Sheet sheet, int row, int column) {
        return sheet.getSheetName() + "!" + new CellReference(row, column).formatAsString(false);
    }

    private static boolean blank(Row row) {
        for (Cell cell : row) if (!text(cell).isEmpty()) return false;
        return true;
    }

    private static String text(Cell cell) {
        if (cell == null) return "";
        return switch (cell.getCellType()) {
            case STRING -> cell.getStringCellValue().strip();
            case NUMERIC -> number(cell.getNumericCellValue());
            case BOOLEAN -> Boolean.toString(cell.getBooleanCellValue());
            case FORMULA -> cell.getCellFormula();
            default -> "";
        };
    }

    private static String number(double value) {
        return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
    }
}
