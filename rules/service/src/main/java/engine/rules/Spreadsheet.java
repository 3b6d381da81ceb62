package engine.rules;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.poi.EncryptedDocumentException;
import org.apache.poi.ooxml.POIXMLException;
import org.apache.poi.ss.usermodel.Sheet;
import org.apache.poi.ss.usermodel.WorkbookFactory;
import org.drools.decisiontable.SpreadsheetCompiler;
import org.drools.template.parser.DecisionTableParseException;

/**
 * One sheet of a decision-table workbook as DRL, with the way back from a line to a cell. Drools itself reads the first sheet
 * only and reports lines of the generated text.
 *
 * @param file workbook
 * @param sheet its name
 * @param drl generated rules
 * @param cells generated line to the cell where its rule starts
 */
record Spreadsheet(String file, String sheet, String drl, TreeMap<Integer, String> cells) {
    static final Pattern NAME = Pattern.compile(".*\\.drl\\.xlsx");
    private static final Pattern ORIGIN = Pattern.compile("// rule values at ([A-Z]+\\d+), header at .*");
    private static final Pattern CELL = Pattern.compile("cell ([A-Z]+\\d+)");

    /** Every sheet with rules, linted; problems go to {@code problems}. */
    static List<Spreadsheet> read(Path file, List<Problem> problems) throws IOException {
        byte[] content = Files.readAllBytes(file);
        String name = file.getFileName().toString();
        List<Spreadsheet> sheets = new ArrayList<>();
        try (var workbook = WorkbookFactory.create(new ByteArrayInputStream(content))) {
            SpreadsheetLint lint = new SpreadsheetLint(name, problems);
            for (Sheet sheet : workbook) {
                if (sheet.getSheetName().startsWith(SpreadsheetLint.NOTES)) continue;
                int before = problems.size();
                lint.check(sheet);
                if (problems.size() == before) compile(content, name, sheet.getSheetName(), problems, sheets);
            }
        } catch (EncryptedDocumentException | POIXMLException | IOException e) {
            problems.add(Problem.in(name, null, "is not a readable .xlsx workbook"));
        }
        return sheets;
    }

    private static void compile(
            byte[] content, String file, String sheet, List<Problem> problems, List<Spreadsheet> into) {
        try {
            String drl = new SpreadsheetCompiler().compile(new ByteArrayInputStream(content), sheet);
            into.add(new Spreadsheet(file, sheet, drl, origins(drl)));
        } catch (DecisionTableParseException e) { // thrown, and never among the results of the build
            Matcher cell = CELL.matcher(String.valueOf(e.getMessage()));
            problems.add(Problem.in(file, sheet + (cell.find() ? "!" + cell.group(1) : ""), e.getMessage()));
        }
    }

    private static TreeMap<Integer, String> origins(String drl) {
        TreeMap<Integer, String> cells = new TreeMap<>();
        int number = 0;
        for (String line : drl.split("\n", -1)) {
            number++;
            Matcher origin = ORIGIN.matcher(line.strip());
            if (origin.matches()) cells.put(number, origin.group(1));
        }
        return cells;
    }

    /** Name under which the generated rules are compiled. */
    String source() {
        return file + "." + sheet + ".drl";
    }

    /** Cell of a generated line, as {@code Sheet!A1}. */
    String cell(int line) {
        var entry = cells.floorEntry(line);
        return entry == null ? sheet : sheet + "!" + entry.getValue();
    }
}
