// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.driver;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jcuda.driver.JCudaDriver;

/**
 * Loads JCuda's library from a folder that only this process uses. JCuda unpacks it to one name in {@code java.io.tmpdir} for all, and
 * takes what it finds there: a process that starts while another one unpacks ends with SIGBUS, as four executors of a host did.
 */
final class DriverLibrary {
    private static final String PLACE = "java.io.tmpdir";
    private static final String LIBRARY = "libJCuda";

    private DriverLibrary() {}

    /**
     * Loads it, if it is not loaded. Nothing of it stays in the file system.
     *
     * @throws LinkageError where the library or the driver's own cannot be loaded
     */
    static void load() {
        String before = System.getProperty(PLACE);
        try {
            // java.io.File reads the property once, when it first makes such a file: before it is changed, or others
            // get our folder.
            Files.delete(File.createTempFile("mooncake-cuda", null).toPath());
            Path folder = Files.createTempDirectory("mooncake-cuda");
            try {
                System.setProperty(PLACE, folder.toString());
                JCudaDriver.setExceptionsEnabled(false);
            } finally {
                System.setProperty(PLACE, before);
                remove(folder);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("no folder in " + PLACE + "=" + before + " for JCuda's library", e);
        }
    }

    /** What another thread may have put there meanwhile stays, and so does what cannot be deleted: the library is loaded. */
    private static void remove(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> unpacked = files.filter(
                            each -> each.getFileName().toString().startsWith(LIBRARY))
                    .toList();
            for (Path each : unpacked) {
                Files.delete(each);
            }
            Files.delete(folder);
        } catch (IOException inUse) {
            return;
        }
    }
}
