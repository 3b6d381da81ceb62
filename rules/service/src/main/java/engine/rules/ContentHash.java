package engine.rules;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/** Identity of a version: SHA-256 over every file that can change an answer. Scenarios ({@code tests/}) cannot. */
final class ContentHash {
    private ContentHash() {}

    static String of(Path folder) throws IOException {
        MessageDigest digest = sha256();
        for (Path file : files(folder)) {
            byte[] content = Files.readAllBytes(file);
            digest.update((folder.relativize(file).toString().replace('\\', '/') + "\0" + content.length + "\0")
                    .getBytes(StandardCharsets.UTF_8));
            digest.update(content);
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** The files of a package in a stable order, without scenarios and hidden or temporary files. */
    static List<Path> files(Path folder) throws IOException {
        try (var walk = Files.walk(folder)) {
            return walk.filter(Files::isRegularFile)
                    .filter(file -> !folder.relativize(file).startsWith("tests"))
                    .filter(file -> !file.getFileName().toString().matches("[.~].*"))
                    .sorted()
                    .toList();
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
