// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.testing;

import io.sparkmooncake.transfer.memory.MemoryRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

/**
 * A process that owns regions and obeys one line at a time: arguments are the fixture's class, the name of the peer and the
 * directory of regions. Each command is answered by one line; end of input ends the process.
 */
public final class OwnerMain {
    private final Path dir;
    private final TransportFixture fixture;
    private final TransportFixture.End end;
    private final Map<Long, MemoryRegion> regions = new HashMap<>();

    private OwnerMain(Path dir, TransportFixture fixture, TransportFixture.End end) {
        this.fixture = fixture;
        this.dir = dir;
        this.end = end;
    }

    /** Starts the owner. */
    public static void main(String[] args) throws Exception {
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        TransportFixture fixture = Class.forName(args[0])
                .asSubclass(TransportFixture.class)
                .getDeclaredConstructor()
                .newInstance();
        try (TransportFixture.End end = fixture.open(args[1])) {
            OwnerMain owner = new OwnerMain(Path.of(args[2]), fixture, end);
            answers.println(Base64.getEncoder().encodeToString(end.record().encode()));
            BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            String line = commands.readLine();
            while (line != null) {
                answers.println(owner.obey(line.split(" ")));
                line = commands.readLine();
            }
            owner.regions.values().forEach(end.transport()::unregister);
            owner.regions.values().forEach(MemoryRegion::release);
        }
    }

    private String obey(String[] words) throws IOException {
        return switch (words[0]) {
            case "create" -> create(number(words, 1));
            case "fill" -> {
                fixture.fill(region(words), number(words, 2), number(words, 3), number(words, 4));
                yield "ok";
            }
            case "mismatch" ->
                Long.toString(fixture.mismatch(
                        region(words), number(words, 2), number(words, 3), number(words, 4), number(words, 5)));
            case "unregister" -> {
                end.transport().unregister(region(words));
                yield "ok";
            }
            case "release" -> {
                region(words).release();
                regions.remove(number(words, 1));
                yield "ok";
            }
            case "refused" -> Long.toString(end.refusedRequests());
            default -> "unknown command " + words[0];
        };
    }

    private String create(long sizeBytes) throws IOException {
        MemoryRegion region = fixture.create(dir, sizeBytes);
        regions.put(region.id(), region);
        end.transport().register(region);
        return encode(region.descriptor());
    }

    private MemoryRegion region(String[] words) {
        MemoryRegion region = regions.get(number(words, 1));
        if (region == null) {
            throw new IllegalArgumentException("no region " + words[1]);
        }
        return region;
    }

    private static long number(String[] words, int index) {
        return Long.parseLong(words[index]);
    }

    private static String encode(RegionDescriptor descriptor) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        descriptor.writeTo(new DataOutputStream(bytes));
        return Base64.getEncoder().encodeToString(bytes.toByteArray());
    }
}
