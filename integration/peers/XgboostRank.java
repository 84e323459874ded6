// SPDX-License-Identifier: Apache-2.0

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import ml.dmlc.xgboost4j.java.Communicator;
import ml.dmlc.xgboost4j.java.RabitTracker;

/**
 * A rank of bin/bench collectives over XGBoost4J's public communicator, which sums arrays of float only: as many bytes, twice the
 * elements. Run from its source. Arguments: port of the benchmark, number, ranks, folder to meet in. Number 0 runs the tracker.
 */
public final class XgboostRank {
    private static final long MEET_MILLIS = 30_000;
    private static float[] values = {};

    private XgboostRank() {}

    /** Runs the rank until the benchmark closes its socket. */
    public static void main(String[] words) throws Exception {
        int ranks = Integer.parseInt(words[2]);
        Path meeting = Path.of(words[3], "tracker");
        if (words[1].equals("0")) {
            RabitTracker tracker = new RabitTracker(ranks, "127.0.0.1");
            tracker.start();
            write(meeting, tracker.getWorkerArgs());
        }
        Communicator.init(read(meeting));
        int rank = Communicator.getRank();
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(words[0]))) {
            socket.setTcpNoDelay(true);
            BufferedReader commands =
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            PrintStream answers = new PrintStream(socket.getOutputStream(), true, StandardCharsets.UTF_8);
            answers.println(rank);
            String line = commands.readLine();
            while (line != null) {
                String[] command = line.split(" ", -1);
                values = new float[Integer.parseInt(command[1]) / Float.BYTES];
                answers.println(
                        command[0].equals("check") ? check(rank, ranks) + " 0 0" : time(Integer.parseInt(command[2])));
                line = commands.readLine();
            }
        }
        Communicator.shutdown();
    }

    private static void write(Path meeting, Map<String, Object> arguments) throws IOException {
        String lines = arguments.entrySet().stream()
                .map(each -> each.getKey() + "\t" + (each.getValue() instanceof Integer ? "i" : "s") + each.getValue())
                .collect(Collectors.joining("\n"));
        Path written = Files.writeString(meeting.resolveSibling("writing"), lines);
        Files.move(written, meeting, StandardCopyOption.ATOMIC_MOVE);
    }

    private static Map<String, Object> read(Path meeting) throws IOException, InterruptedException {
        for (long waited = 0; !Files.exists(meeting) && waited < MEET_MILLIS; waited += 50) {
            Thread.sleep(50);
        }
        Map<String, Object> arguments = new HashMap<>();
        for (String line : Files.readAllLines(meeting)) {
            String[] words = line.split("\t", -1);
            String value = words[1].substring(1);
            arguments.put(words[0], words[1].startsWith("i") ? (Object) Integer.valueOf(value) : value);
        }
        return arguments;
    }

    private static void sum(int operations) {
        for (int i = 0; i < operations; i++) {
            values = Communicator.allReduce(values, Communicator.OpType.SUM);
        }
    }

    private static String time(int operations) throws IOException {
        Arrays.fill(values, 0);
        sum(1 + operations / 10);
        long waited = nanosWaited();
        Communicator.allReduce(new float[1], Communicator.OpType.SUM);
        long start = System.nanoTime();
        sum(operations);
        long nanos = System.nanoTime() - start;
        return nanos + " " + (nanosWaited() - waited) + " 0";
    }

    private static long check(int rank, int ranks) {
        for (int i = 0; i < values.length; i++) {
            values[i] = rank + 1 + i % 1021;
        }
        sum(1);
        long wrong = 0;
        for (int i = 0; i < values.length; i++) {
            wrong += values[i] == ranks * (ranks + 1) / 2 + ranks * (i % 1021) ? 0 : 1;
        }
        return wrong;
    }

    private static long nanosWaited() throws IOException {
        return Long.parseLong(Files.readString(Path.of("/proc/thread-self/schedstat")).split(" ", -1)[1]);
    }
}
