// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.store.StoreChannel;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * One rank in a JVM of its own. Its store is the parent's, asked over standard output and answered over standard input, one line
 * of base 64 each. Its work {@code reduce} runs every operation as often as it is told, 0 for ever, and puts {@code started/<rank>}
 * after the first time; {@code soak} makes so many small operations of many kinds. At the end it puts {@code result/<rank>}: how often
 * it ran them, a {@link Footprint}, or why it failed, and {@code left/<rank>}: what is left of its memory and threads. Arguments: rank,
 * size, times, timeout and limit for connecting in seconds, work.
 */
public final class RankMain {
    static final String SECRET = "the secret of the test application";
    private static final int COUNT = 50_000;
    private static final int WINDOW_BYTES = 64 << 10;

    private RankMain() {}

    /** Runs the rank. */
    public static void main(String[] args) throws Exception {
        Membership self = new Membership("jvms", 1, Integer.parseInt(args[0]), Integer.parseInt(args[1]));
        Duration timeout = Duration.ofSeconds(Integer.parseInt(args[3]));
        String name = "exec-" + self.rank();
        StoreChannel channel = channel();
        Identity identity = new Identity(name, 100 + self.rank(), "127.0.0.1", SECRET.getBytes(StandardCharsets.UTF_8));
        try (LocalEngine engine = LocalEngine.start(identity, settings(args[4]));
                RemoteStore store = RemoteStore.start(name, engine.agent(), channel, Duration.ofSeconds(30))) {
            PeerDirectory directory = PeerDirectory.join(engine, store).get(60, TimeUnit.SECONDS);
            Rendezvous rendezvous =
                    new Rendezvous(engine, directory, store, new Rendezvous.Options(timeout, WINDOW_BYTES));
            String result;
            try (Communicator communicator = rendezvous.join(self)) {
                int times = Integer.parseInt(args[2]);
                result = args[5].equals("soak")
                        ? SmallOperations.soak(communicator, times).encode()
                        : reduce(communicator, store, times);
            } catch (CollectiveException e) {
                result = e.code() + "\n" + e.getMessage();
            }
            store.put("left/" + self.rank(), Blob.of(leftovers())).get(60, TimeUnit.SECONDS);
            store.put("result/" + self.rank(), Blob.of(result)).get(60, TimeUnit.SECONDS);
            directory.close();
        }
    }

    static TransferSettings settings(String connectSeconds) {
        return TransferSettings.read(Map.of("spark.mooncake.connect.timeout", connectSeconds + "s"));
    }

    /**
     * Returns the mappings of own segments, the descriptors of any, and the threads of communicators that this process has. Mappings of
     * others' segments belong to the transport, which drops them when it imports the next one.
     */
    private static String leftovers() throws IOException {
        StringBuilder left = new StringBuilder();
        String own = "/dev/shm/spark-mooncake-" + ProcessHandle.current().pid() + "-";
        for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
            if (line.contains(own)) {
                String[] range = line.substring(0, line.indexOf(' ')).split("-", 2);
                long bytes = Long.parseLong(range[1], 16) - Long.parseLong(range[0], 16);
                left.append(bytes >= 2 * WINDOW_BYTES ? line + '\n' : "");
            }
        }
        try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors) {
                String target = Files.isSymbolicLink(descriptor)
                        ? Files.readSymbolicLink(descriptor).toString()
                        : "";
                if (target.startsWith("/dev/shm") && Files.size(descriptor) >= 2 * WINDOW_BYTES) {
                    left.append(target).append('\n');
                }
            }
        }
        Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("mooncake-collective"))
                .forEach(name -> left.append(name).append('\n'));
        return left.toString();
    }

    static StoreChannel channel() {
        PrintStream asks = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader answers = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        return request -> {
            asks.println(Base64.getEncoder().encodeToString(request));
            String answer = answers.readLine();
            if (answer == null) {
                throw new EOFException("the parent is gone");
            }
            return Base64.getDecoder().decode(answer);
        };
    }

    private static String reduce(Communicator communicator, RemoteStore store, int times) throws Exception {
        Membership self = communicator.membership();
        double[] values = new double[COUNT];
        Elements elements = Elements.of(values);
        int done = 0;
        while (times == 0 || done < times) {
            Arrays.fill(values, done + self.rank());
            communicator.allReduce(elements, elements, ReduceOp.SUM);
            double expected = (double) done * self.size() + self.size() * (self.size() - 1) / 2.0;
            for (double value : values) {
                if (value != expected) {
                    throw new AssertionError("value=" + value + " expected=" + expected + " after " + done);
                }
            }
            others(communicator, done % self.size());
            if (done++ == 0) {
                store.put("started/" + self.rank(), Blob.of("")).get(60, TimeUnit.SECONDS);
            }
        }
        return "done " + done;
    }

    /** Runs the other operations, whose results other tests compare. */
    private static void others(Communicator communicator, int root) throws CollectiveException {
        int rank = communicator.membership().rank();
        int size = communicator.membership().size();
        Elements one = Elements.allocate(DataType.FLOAT64, 20_000);
        Elements all = Elements.allocate(DataType.FLOAT64, 20_000 * size);
        communicator.broadcast(all, root);
        communicator.reduce(all, rank == root ? all : null, ReduceOp.MAX, root);
        communicator.reduceScatter(all, one, ReduceOp.SUM);
        communicator.allGather(one, all);
        communicator.gather(one, rank == root ? all : null, root);
        communicator.scatter(rank == root ? all : null, one, root);
        communicator.allToAll(all, Elements.allocate(DataType.FLOAT64, 20_000 * size));
        communicator.barrier();
        if (rank == root) {
            communicator.send(one, (root + 1) % size, 0);
        } else if (rank == (root + 1) % size) {
            communicator.receive(one, root, 0);
        }
        communicator.allGatherObjects(List.of("rank", rank).toString());
    }
}
