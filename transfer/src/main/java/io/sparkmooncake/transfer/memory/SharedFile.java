// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A file without a name: created, unlinked at once, and reached by peers through {@code /proc/<pid>/fd/<n>} of the process
 * that keeps it open. Its blocks go back to the file system with the last descriptor and the last mapping, however their
 * processes end.
 *
 * <p>Threading: safe from any thread.
 */
final class SharedFile implements AutoCloseable {
    private static final ByteBuffer ZEROS = ByteBuffer.allocateDirect(1 << 20).asReadOnlyBuffer();
    private static final Path OWN_DESCRIPTORS = Path.of("/proc/self/fd");

    private final FileChannel channel;
    private final Path directory;
    private final String path;

    private SharedFile(FileChannel channel, Path directory, String path) {
        this.channel = channel;
        this.directory = directory;
        this.path = path;
    }

    static SharedFile create(Path directory) throws IOException {
        Path name =
                directory.resolve("spark-mooncake-" + ProcessHandle.current().pid() + "-" + UUID.randomUUID());
        FileChannel channel = FileChannel.open(
                name,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.DELETE_ON_CLOSE);
        boolean found = false;
        try {
            SharedFile file = new SharedFile(channel, directory, descriptorPath(name));
            found = true;
            return file;
        } finally {
            if (!found) {
                channel.close();
            }
        }
    }

    /** Finds the number of the descriptor whose link still says the name; empty where the system has no /proc. */
    private static String descriptorPath(Path name) throws IOException {
        if (!Files.isDirectory(OWN_DESCRIPTORS)) {
            return "";
        }
        String target = name.toAbsolutePath().toString();
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(OWN_DESCRIPTORS)) {
            for (Path descriptor : descriptors) {
                if (linksTo(descriptor, target)) {
                    return "/proc/" + ProcessHandle.current().pid() + "/fd/" + descriptor.getFileName();
                }
            }
        }
        return "";
    }

    private static boolean linksTo(Path descriptor, String target) throws IOException {
        try {
            String link = Files.readSymbolicLink(descriptor).toString();
            return link.equals(target) || link.equals(target + " (deleted)");
        } catch (NoSuchFileException closedMeanwhile) {
            return false;
        }
    }

    FileChannel channel() {
        return channel;
    }

    /** Returns where peers of this host open it; empty where they cannot. */
    String path() {
        return path;
    }

    /** Takes blocks for {@code [from, to)}, zeroed; the file system says here that it is full, not by a signal later. */
    void reserve(long from, long to) throws IOException {
        for (long at = from; at < to; ) {
            ByteBuffer zeros = ZEROS.duplicate().limit((int) Math.min(to - at, ZEROS.capacity()));
            at += channel.write(zeros, at);
        }
    }

    void write(long position, ByteBuffer bytes) throws IOException {
        long wanted = bytes.remaining();
        try {
            for (long at = position; bytes.hasRemaining(); ) {
                at += channel.write(bytes, at);
            }
        } catch (IOException e) {
            throw new IOException(
                    "writing bytes=" + wanted + " to a file of " + directory + " failed, usable bytes="
                            + directory.toFile().getUsableSpace() + ": " + e.getMessage(),
                    e);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
