// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.bench;

import io.sparkmooncake.transfer.store.HostedStore;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Ranks of one library, each in a process of its own, that wait for commands on a socket and use no processor meanwhile. A command
 * is {@code name bytes operations}; each rank answers with nanoseconds, those that it waited for a
 * processor, and allocated bytes.
 *
 * <p>Threading: the caller's; ranks that ask the store are answered by a daemon thread each.
 */
final class RankTeam implements AutoCloseable {
    private static final int START_MILLIS = 60_000;
    private static final int ANSWER_MILLIS = 180_000;

    private final String name;
    private final List<Process> processes = new ArrayList<>();
    private final List<Member> members = new ArrayList<>();

    private record Member(int rank, Socket socket, BufferedReader answers, PrintStream commands) {}

    /**
     * What the ranks took.
     *
     * @param nanos of the slowest one for all operations
     * @param waitedNanos longest that a rank's thread could have run but had no processor
     * @param garbageBytes that the one which allocated most did, in all operations
     */
    record Took(long nanos, long waitedNanos, long garbageBytes) {
        /** Which part of the time something else had the processor. */
        double disturbed() {
            return (double) waitedNanos / nanos;
        }
    }

    private RankTeam(String name) {
        this.name = name;
    }

    /** Starts the processes of a program and waits until all ranks have said who they are. */
    static RankTeam start(RankProgram program, int ranks, Path scratch, Path logs) throws IOException {
        RankTeam team = new RankTeam(program.name());
        try (ServerSocket server = new ServerSocket(0, ranks, InetAddress.getLoopbackAddress())) {
            server.setSoTimeout(START_MILLIS);
            HostedStore store = new HostedStore(1 << 20);
            Path log = logs.resolve("collectives-" + program.name() + "-" + ranks + ".log");
            for (List<String> words : program.commands(ranks, server.getLocalPort(), scratch)) {
                ProcessBuilder builder =
                        new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.appendTo(log.toFile()));
                if (!program.asksStore()) {
                    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
                }
                Process process = builder.start();
                team.processes.add(process);
                if (program.asksStore()) {
                    serve(process, store);
                }
            }
            for (int i = 0; i < ranks; i++) {
                team.members.add(member(server.accept()));
            }
            team.members.sort((left, right) -> Integer.compare(left.rank, right.rank));
            return team;
        } catch (IOException e) {
            team.close();
            throw new IOException("the ranks of " + program.name() + " did not start; see " + logs, e);
        }
    }

    private static Member member(Socket socket) throws IOException {
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(ANSWER_MILLIS);
        BufferedReader answers =
                new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        PrintStream commands = new PrintStream(socket.getOutputStream(), true, StandardCharsets.UTF_8);
        String rank = answers.readLine();
        if (rank == null) {
            throw new IOException("a rank ended before it said which it is");
        }
        return new Member(Integer.parseInt(rank), socket, answers, commands);
    }

    private static void serve(Process process, HostedStore store) {
        Thread thread = new Thread(
                () -> {
                    try (DataInputStream asks = new DataInputStream(process.getInputStream());
                            DataOutputStream answers = new DataOutputStream(process.getOutputStream())) {
                        while (true) {
                            byte[] answer = store.answer(asks.readNBytes(asks.readInt()));
                            answers.writeInt(answer.length);
                            answers.write(answer);
                            answers.flush();
                        }
                    } catch (IOException e) {
                        // The process has ended.
                    }
                },
                "store-of-" + process.pid());
        thread.setDaemon(true);
        thread.start();
    }

    String name() {
        return name;
    }

    /** Runs a command on all ranks at once. */
    Took run(String command, long bytes, long operations) throws IOException {
        for (Member member : members) {
            member.commands.println(command + " " + bytes + " " + operations);
        }
        long nanos = 0;
        long waited = 0;
        long garbage = 0;
        for (Member member : members) {
            String answer = member.answers.readLine();
            if (answer == null) {
                throw new IOException("rank " + member.rank + " of " + name + " ended in " + command + " " + bytes);
            }
            String[] words = answer.split(" ", -1);
            nanos = Math.max(nanos, Long.parseLong(words[0]));
            waited = Math.max(waited, Long.parseLong(words[1]));
            garbage = Math.max(garbage, Long.parseLong(words[2]));
        }
        return new Took(nanos, waited, garbage);
    }

    @Override
    public void close() {
        for (Member member : members) {
            try {
                member.socket.close();
            } catch (IOException e) {
                // It ends with its process.
            }
        }
        processes.forEach(process -> {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        });
    }
}
