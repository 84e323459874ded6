// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.memory;

import io.netty.channel.epoll.Epoll;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.FileDescriptor;
import io.netty.channel.unix.Socket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Carries file descriptors between the processes of a host, as the kernel does with SCM_RIGHTS: a number of one process means nothing
 * in another. Each process listens on a socket in a folder that only its user enters; whoever has the path hands descriptors in.
 *
 * <p>Threading: one thread at a time. Every wait has the deadline that it was given.
 */
public final class DescriptorSockets implements AutoCloseable {
    private static final int BACKLOG = 1024;
    private static final long PAUSE_NANOS = 50_000;
    private static final int MAX_PATH_BYTES = 108;

    private final Path folder;
    private final Socket listener;

    private DescriptorSockets(Path folder, Socket listener) {
        this.folder = folder;
        this.listener = listener;
    }

    /**
     * Listens.
     *
     * @throws IOException with the reason where this host has no such sockets
     */
    public static DescriptorSockets open() throws IOException {
        if (!Epoll.isAvailable()) {
            throw new IOException("descriptors need Netty's epoll sockets", Epoll.unavailabilityCause());
        }
        Path folder = Files.createTempDirectory("mooncake");
        @Nullable Socket listener = null;
        boolean listening = false;
        try {
            listener = Socket.newSocketDomain();
            Path path = folder.resolve("fd");
            listener.bind(new DomainSocketAddress(path.toFile()));
            listener.listen(BACKLOG);
            listening = true;
            return new DescriptorSockets(folder, listener);
        } finally {
            if (!listening) {
                if (listener != null) {
                    listener.close();
                }
                Files.deleteIfExists(folder.resolve("fd"));
                Files.delete(folder);
            }
        }
    }

    /** Returns where others hand descriptors in. */
    public String path() {
        return folder.resolve("fd").toString();
    }

    /** Hands descriptors to the process that listens at a path; they stay open here. */
    public static void send(String path, int sender, List<Integer> descriptors, Duration limit) throws IOException {
        Socket socket = Socket.newSocketDomain();
        try {
            if (!socket.connect(new DomainSocketAddress(path))) {
                throw new IOException(path + " does not answer at once");
            }
            ByteBuffer words = ByteBuffer.allocateDirect(2 * Integer.BYTES);
            words.putInt(0, sender).putInt(Integer.BYTES, descriptors.size());
            Deadline deadline = new Deadline(limit, "handing descriptors to " + path);
            for (int at = 0; at < words.capacity(); ) {
                int written = socket.write(words, at, words.capacity());
                at += Math.max(0, written);
                deadline.pause(written <= 0);
            }
            for (int descriptor : descriptors) {
                while (socket.sendFd(descriptor) <= 0) {
                    deadline.pause(true);
                }
            }
        } finally {
            socket.close();
        }
    }

    /**
     * What one process handed in.
     *
     * @param sender as it says
     * @param descriptors numbers in this process, the receiver's, who closes them
     */
    public record Received(int sender, List<Integer> descriptors) {
        /** Copies the list. */
        public Received {
            descriptors = List.copyOf(descriptors);
        }
    }

    /** Takes what the next process hands in. */
    public Received receive(Duration limit) throws IOException {
        Deadline deadline = new Deadline(limit, "descriptors at " + path());
        byte[] from = new byte[MAX_PATH_BYTES];
        int accepted = listener.accept(from);
        while (accepted < 0) {
            deadline.pause(true);
            accepted = listener.accept(from);
        }
        FileDescriptor reading = new FileDescriptor(accepted);
        Socket socket = new Socket(accepted);
        List<Integer> descriptors = new ArrayList<>();
        try {
            ByteBuffer words = ByteBuffer.allocateDirect(2 * Integer.BYTES);
            for (int at = 0; at < words.capacity(); ) {
                int read = reading.read(words, at, words.capacity());
                at += Math.max(0, read);
                deadline.pause(read <= 0);
            }
            int count = words.getInt(Integer.BYTES);
            while (descriptors.size() < count) {
                int descriptor = socket.recvFd();
                if (descriptor > 0) {
                    descriptors.add(descriptor);
                }
                deadline.pause(descriptor <= 0);
            }
            return new Received(words.getInt(0), descriptors);
        } finally {
            socket.close();
        }
    }

    /** Closes a descriptor of this process. */
    public static void close(int descriptor) {
        try {
            new FileDescriptor(descriptor).close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static final class Deadline {
        private final long endNanos;
        private final String what;

        Deadline(Duration limit, String what) {
            this.endNanos = System.nanoTime() + limit.toNanos();
            this.what = what + " did not come within limit=" + limit.toMillis() + " ms";
        }

        /** Waits a little where there was nothing. */
        void pause(boolean nothing) throws IOException {
            if (nothing) {
                if (System.nanoTime() - endNanos > 0) {
                    throw new IOException(what);
                }
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        Files.deleteIfExists(folder.resolve("fd"));
        Files.deleteIfExists(folder);
    }
}
