// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.memory;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Does with regions what its first argument names, in a process of its own, and prints what it found. */
final class RegionMain {
    private static final RegionPool.Limits LIMITS = new RegionPool.Limits(64 << 20, 16 << 20, Duration.ofMinutes(1));

    private RegionMain() {}

    public static void main(String[] arguments) throws IOException {
        try (PrintStream out =
                new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8)) {
            switch (arguments[0]) {
                case "path" -> out.println(pathOfAUsedRegion(Path.of(arguments[1])));
                case "shared" ->
                    out.println(allocate(RegionPool.sharedMemory(Path.of(arguments[1]), LIMITS, RegionListener.NONE)));
                case "files" ->
                    out.println(allocate(RegionPool.files(
                            List.of(Path.of(arguments[1]), Path.of(arguments[2])), LIMITS, RegionListener.NONE)));
                default -> throw new IllegalArgumentException(arguments[0]);
            }
        }
    }

    private static String pathOfAUsedRegion(Path directory) throws IOException {
        SharedFile file = SharedFile.create(directory);
        file.write(0, ByteBuffer.wrap(new byte[] {1, 2, 3}));
        ByteBuffer back = ByteBuffer.allocate(3);
        file.channel().read(back, 0);
        String path = "pid=" + ProcessHandle.current().pid() + " last=" + back.get(2) + " path=" + file.path() + ";";
        file.close();
        return path;
    }

    private static String allocate(RegionPool pool) throws IOException {
        Optional<Extent> extent = pool.tryAllocate(1 << 20);
        if (extent.isPresent()) {
            extent.get().write(0, ByteBuffer.allocate(1 << 20));
        }
        String got = extent.isPresent() ? "allocated" : "empty: " + pool.describeRoom();
        extent.ifPresent(Extent::release);
        pool.close();
        return got;
    }
}
