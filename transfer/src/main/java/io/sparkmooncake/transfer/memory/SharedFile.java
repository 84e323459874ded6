// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A file without a name: created, unlinked at once, and reached by peers through {@code /proc/<pid>/fd/<n>} of the process
 * that keeps it open. Its blocks go back to the file system with the last descriptor and the last mapping, however their
 * processes end; the empty file of a process that is killed between the first two steps is deleted by the next one that
 * starts here.
 *
 * <p>The published descriptor does nothing but stay open: Java closes a channel under which a thread is interrupted, as Spark
 * does to tasks that it kills, so reads and writes go through a second descriptor that is opened again when that happened.
 *
 * <p>Threading: safe from any thread.
 */
final class SharedFile implements AutoCloseable {
    private static final ByteBuffer ZEROS = ByteBuffer.allocateDirect(1 << 20).asReadOnlyBuffer();
    private static final int HEAP_READ_BYTES = 64 << 10;
    private static final Path OWN_DESCRIPTORS = Path.of("/proc/self/fd");
    private static final String NAME = "spark-mooncake-";
    private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    /** A living process has a name on its file for microseconds. */
    private static final Duration LONGEST_NAMED = Duration.ofMinutes(1);

    private final RandomAccessFile published;
    private final @Nullable Path directory;
    private final @Nullable Path own;
    private final String path;

    @GuardedBy("this")
    private @Nullable FileChannel channel;

    /**
     * Takes the open file over.
     *
     * @param directory where this process created it; null for a peer's file
     * @param own the descriptor as this process reaches it; null if the system has no /proc
     * @param path where peers reach it; empty if they cannot
     */
    private SharedFile(RandomAccessFile published, @Nullable Path directory, @Nullable Path own, String path) {
        this.published = published;
        this.directory = directory;
        this.own = own;
        this.path = path;
    }

    /** Deletes the files of processes that were killed while their file had a name; what cannot be deleted stays. */
    static void sweep(Path directory) {
        FileTime latest = FileTime.from(Instant.now().minus(LONGEST_NAMED));
        try (DirectoryStream<Path> named = Files.newDirectoryStream(directory, NAME + "*")) {
            for (Path file : named) {
                sweepOne(file, latest);
            }
        } catch (IOException | DirectoryIteratorException unreadable) {
            // Creating a file here fails as well, and with the reason.
        }
    }

    private static void sweepOne(Path file, FileTime latest) {
        try {
            BasicFileAttributes found = Files.readAttributes(file, BasicFileAttributes.class);
            if (found.isRegularFile()
                    && found.size() == 0
                    && found.lastModifiedTime().compareTo(latest) < 0) {
                Files.deleteIfExists(file);
            }
        } catch (IOException othersOrSweptMeanwhile) {
            // An empty file of somebody else, or of nobody any more, harms nobody.
        }
    }

    static SharedFile create(Path directory) throws IOException {
        Path file = createNamed(directory);
        RandomAccessFile opened;
        try {
            opened = new RandomAccessFile(file.toFile(), "rw");
        } finally {
            Files.delete(file);
        }
        boolean found = false;
        try {
            String name = file.getFileName().toString();
            Path own = ownDescriptor(name, opened.getFD());
            SharedFile shared = new SharedFile(opened, directory, own, own == null ? "" : pathForPeers(own, name));
            found = true;
            return shared;
        } finally {
            if (!found) {
                opened.close();
            }
        }
    }

    /**
     * Opens the file of a peer, which stays open here when the peer closes it.
     *
     * @param descriptor of the peer, in {@code /proc}
     */
    static SharedFile open(Path descriptor) throws IOException {
        RandomAccessFile opened = new RandomAccessFile(descriptor.toFile(), "rw");
        boolean found = false;
        try {
            String target = Files.readSymbolicLink(descriptor).toString();
            Path own = ownDescriptor(target, opened.getFD());
            if (own == null || !Files.isSameFile(own, descriptor)) {
                throw new IOException(descriptor + " was opened, but is not found again in " + OWN_DESCRIPTORS);
            }
            SharedFile shared = new SharedFile(opened, null, own, "");
            found = true;
            return shared;
        } finally {
            if (!found) {
                opened.close();
            }
        }
    }

    /** Creates the file that nobody but this user can open, not even while it has its name. */
    static Path createNamed(Path directory) throws IOException {
        Path file = directory.resolve(NAME + ProcessHandle.current().pid() + "-" + UUID.randomUUID());
        return directory.getFileSystem().supportedFileAttributeViews().contains("posix")
                ? Files.createFile(file, OWNER_ONLY)
                : Files.createFile(file);
    }

    /** Finds the descriptor of this process that is linked to the name; null if the system has no /proc. */
    private static @Nullable Path ownDescriptor(String name, FileDescriptor opened) throws IOException {
        if (!Files.isDirectory(OWN_DESCRIPTORS)) {
            return null;
        }
        int number = MappedMemory.likelyNumber(opened); // looking through thousands takes milliseconds each time
        Path likely = OWN_DESCRIPTORS.resolve(Integer.toString(number));
        if (number >= 0 && linksTo(likely, name)) {
            return likely;
        }
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(OWN_DESCRIPTORS)) {
            for (Path descriptor : descriptors) {
                if (linksTo(descriptor, name)) {
                    return descriptor;
                }
            }
        }
        return null;
    }

    /**
     * Returns the path under which peers open the descriptor; empty if {@code /proc} shows another process under this one's id,
     * as it does when it was mounted from another PID namespace.
     */
    private static String pathForPeers(Path own, String name) {
        Path shown = Path.of(
                "/proc",
                Long.toString(ProcessHandle.current().pid()),
                "fd",
                own.getFileName().toString());
        try {
            return linksTo(shown, name) ? shown.toString() : "";
        } catch (IOException notThisProcess) {
            return "";
        }
    }

    private static boolean linksTo(Path descriptor, String name) throws IOException {
        try {
            return Files.readSymbolicLink(descriptor).toString().contains(name);
        } catch (NoSuchFileException closedMeanwhile) {
            return false;
        }
    }

    /**
     * Returns a channel for reads, writes and mappings; it may be closed by an interrupt of its user at any time.
     *
     * @throws ClosedChannelException after {@link #close}
     */
    synchronized FileChannel channel() throws IOException {
        if (!published.getFD().valid()) {
            throw new ClosedChannelException(); // its number may be another file's by now
        }
        FileChannel open = channel;
        if (open == null || !open.isOpen()) {
            open = own == null
                    ? published.getChannel()
                    : FileChannel.open(own, StandardOpenOption.READ, StandardOpenOption.WRITE);
            channel = open;
        }
        return open;
    }

    /** Returns whether this process created the file; a peer's file is only read. */
    boolean isCreatedHere() {
        return directory != null;
    }

    /** Returns where peers of this host open it; empty if they cannot. */
    String path() {
        return path;
    }

    /** Makes the file longer, without taking blocks. */
    void extendTo(long bytes) throws IOException {
        if (published.length() < bytes) {
            published.setLength(bytes);
        }
    }

    /** Fills {@code target}; an interrupt of this thread is kept for later. */
    void readFully(long position, ByteBuffer target) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            for (long at = position; target.hasRemaining(); ) {
                try {
                    int read = channel().read(piece(target), at);
                    if (read < 0) {
                        throw new EOFException("file ends " + target.remaining() + " bytes too early, at=" + at);
                    }
                    at += read;
                    target.position(target.position() + read);
                } catch (ClosedByInterruptException mine) {
                    interrupted |= Thread.interrupted();
                } catch (ClosedChannelException others) {
                    if (!published.getFD().valid()) {
                        throw others;
                    }
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Java keeps a direct buffer of each thread for the longest read into the heap. */
    private static ByteBuffer piece(ByteBuffer target) {
        int length = target.isDirect() ? target.remaining() : Math.min(target.remaining(), HEAP_READ_BYTES);
        return target.slice(target.position(), length);
    }

    /** Takes zeroed blocks for {@code [from, to)}; the file system reports here that it is full, not by a signal later. */
    void reserve(long from, long to) throws IOException {
        for (long at = from; at < to; ) {
            at += reserveSome(at, to);
        }
    }

    /** Takes zeroed blocks from {@code from} on, up to 1 MiB of them, and returns how many bytes. */
    int reserveSome(long from, long to) throws IOException {
        return writeAt(ZEROS.duplicate().limit((int) Math.min(to - from, ZEROS.capacity())), from);
    }

    void write(long position, ByteBuffer bytes) throws IOException {
        Path created = Objects.requireNonNull(directory, "the file of a peer is only read");
        long wanted = bytes.remaining();
        try {
            for (long at = position; bytes.hasRemaining(); ) {
                at += writeAt(bytes, at);
            }
        } catch (ClosedByInterruptException e) {
            throw e;
        } catch (IOException e) {
            throw new IOException(
                    "writing bytes=" + wanted + " to a file of " + created + " failed, usable bytes="
                            + created.toFile().getUsableSpace() + ": " + e.getMessage(),
                    e);
        }
    }

    /** Writes once more where another thread's interrupt closed the channel; this thread's own interrupt is thrown. */
    private int writeAt(ByteBuffer bytes, long position) throws IOException {
        while (true) {
            try {
                return channel().write(bytes, position);
            } catch (ClosedByInterruptException mine) {
                throw mine;
            } catch (ClosedChannelException others) {
                if (!published.getFD().valid()) {
                    throw others;
                }
            }
        }
    }

    @Override
    public synchronized void close() throws IOException {
        try {
            published.close();
        } finally {
            if (channel != null) {
                channel.close();
            }
        }
    }
}
