// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import com.sun.management.ThreadMXBean;
import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.store.StoreChannel;
import io.sparkmooncake.transfer.tcp.Identity;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A rank of a {@link RankTeam}. Asks the store over standard output and input. Arguments: port of the team, rank, ranks. */
final class CollectiveRank {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Communicator communicator;
    private Vectors vectors = new Vectors(0);
    private Vectors others = new Vectors(0);

    /** Vectors of one length. */
    private static final class Vectors {
        private final double[] values;
        private final double[] addends;
        private final Elements elements;

        private Vectors(int count) {
            values = new double[count];
            addends = new double[count];
            elements = Elements.of(values);
        }
    }

    private CollectiveRank(Communicator communicator) {
        this.communicator = communicator;
    }

    /** Runs the rank until the team closes its socket. */
    public static void main(String[] words) throws Exception {
        Membership self = new Membership("bench", 1, Integer.parseInt(words[1]), Integer.parseInt(words[2]));
        String name = "rank-" + self.rank();
        Identity identity = new Identity(name, 1 + self.rank(), "127.0.0.1", new byte[32]);
        try (LocalEngine engine = LocalEngine.start(identity, TransferSettings.read(Map.of()));
                RemoteStore store = RemoteStore.start(name, engine.agent(), channel(), PATIENCE)) {
            PeerDirectory directory = PeerDirectory.join(engine, store).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            Rendezvous rendezvous = new Rendezvous(engine, directory, store, Rendezvous.Options.DEFAULT);
            try (Communicator communicator = rendezvous.join(self);
                    Socket socket = new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(words[0]))) {
                socket.setTcpNoDelay(true);
                new CollectiveRank(communicator).serve(socket);
            }
            directory.close();
        }
    }

    private static StoreChannel channel() {
        DataOutputStream asks = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
        DataInputStream answers = new DataInputStream(System.in);
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8));
        return request -> {
            asks.writeInt(request.length);
            asks.write(request);
            asks.flush();
            return answers.readNBytes(answers.readInt());
        };
    }

    private void serve(Socket socket) throws IOException, CollectiveException {
        BufferedReader commands =
                new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(socket.getOutputStream(), true, StandardCharsets.UTF_8);
        answers.println(communicator.membership().rank());
        String line = commands.readLine();
        while (line != null) {
            String[] words = line.split(" ", -1);
            reserve(Math.toIntExact(Long.parseLong(words[1]) / Double.BYTES));
            answers.println(answer(words[0], Integer.parseInt(words[2])));
            line = commands.readLine();
        }
    }

    /** Keeps the vectors of the last two lengths, which alternate, so that nothing is allocated and collected between batches. */
    private void reserve(int count) {
        if (count != vectors.values.length) {
            Vectors next = count == others.values.length ? others : new Vectors(count);
            others = vectors;
            vectors = next;
        }
    }

    private String answer(String command, int operations) throws IOException, CollectiveException {
        switch (command) {
            case "check" -> {
                return check() + " 0 0";
            }
            case "add" -> {
                add(1 + operations / 10);
                long waited = nanosWaited();
                communicator.barrier();
                long startNanos = System.nanoTime();
                add(operations);
                long nanos = System.nanoTime() - startNanos;
                return nanos + " " + (nanosWaited() - waited) + " 0";
            }
            default -> {
                Arrays.fill(vectors.values, 0);
                sum(1 + operations / 10);
                long waited = nanosWaited();
                communicator.barrier();
                ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
                long before = threads.getCurrentThreadAllocatedBytes();
                long startNanos = System.nanoTime();
                sum(operations);
                long nanos = System.nanoTime() - startNanos;
                long garbage = threads.getCurrentThreadAllocatedBytes() - before;
                return nanos + " " + (nanosWaited() - waited) + " " + garbage;
            }
        }
    }

    /** How long this thread could have run so far but had no processor. */
    private static long nanosWaited() throws IOException {
        Path file = Path.of("/proc/thread-self/schedstat");
        return Files.isReadable(file) ? Long.parseLong(Files.readString(file).split(" ", -1)[1]) : 0;
    }

    private void sum(int operations) throws CollectiveException {
        for (int i = 0; i < operations; i++) {
            communicator.allReduce(vectors.elements, vectors.elements, ReduceOp.SUM);
        }
    }

    private void add(int operations) {
        for (int i = 0; i < operations; i++) {
            addOnce(vectors.values, vectors.addends);
        }
    }

    private static void addOnce(double[] into, double[] operand) {
        for (int i = 0; i < into.length; i++) {
            into[i] += operand[i];
        }
    }

    /** Returns how many elements of a sum are wrong. */
    private long check() throws CollectiveException {
        int rank = communicator.membership().rank();
        int size = communicator.membership().size();
        double[] values = vectors.values;
        for (int i = 0; i < values.length; i++) {
            values[i] = rank + 1 + i % 1021;
        }
        sum(1);
        long wrong = 0;
        for (int i = 0; i < values.length; i++) {
            wrong += values[i] == size * (size + 1) / 2.0 + (double) size * (i % 1021) ? 0 : 1;
        }
        return wrong;
    }
}
