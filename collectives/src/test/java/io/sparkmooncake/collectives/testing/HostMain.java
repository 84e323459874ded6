// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.conf.TransferSettings;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.store.Store;
import io.sparkmooncake.transfer.tcp.Identity;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The ranks of one host, which is a process: in a network namespace of its own, with shared memory off. Its store is the parent's, as
 * that of {@link RankMain}. Arguments: address, first rank, ranks here, ranks in all, seconds that a wait may last, and what to do:
 * {@code check} runs each kind of operation once, {@code loop} reduces for ever, {@code speed} measures, see {@link LinkSpeed}, {@code write} too, see {@link WriteSpeed}. Puts
 * {@code started/<rank>} when it began and {@code result/<rank>} at the end.
 */
public final class HostMain {
    private HostMain() {}

    /** Runs the ranks. */
    public static void main(String[] args) throws Exception {
        String address = args[0];
        int first = Integer.parseInt(args[1]);
        int here = Integer.parseInt(args[2]);
        int size = Integer.parseInt(args[3]);
        Duration timeout = Duration.ofSeconds(Integer.parseInt(args[4]));
        String work = args[5];
        String name = "exec-" + first;
        TransferSettings settings = TransferSettings.read(
                Map.of("spark.mooncake.transfer.paths", "tcp", "spark.mooncake.transfer.timeout", args[4] + "s"));
        Identity identity = new Identity(name, 100 + first, address, RankMain.SECRET.getBytes(StandardCharsets.UTF_8));
        try (LocalEngine engine = LocalEngine.start(identity, settings);
                RemoteStore store =
                        RemoteStore.start(name, engine.agent(), RankMain.channel(), Duration.ofSeconds(30))) {
            PeerDirectory directory = PeerDirectory.join(engine, store).get(60, TimeUnit.SECONDS);
            Rendezvous rendezvous =
                    new Rendezvous(engine, directory, store, new Rendezvous.Options(timeout, 256 << 10));
            if (work.equals("write")) {
                WriteSpeed speed = new WriteSpeed(engine, directory, store);
                String result = "received";
                if (first == 0) {
                    speed.receive(address);
                } else {
                    result = speed.write();
                }
                store.put("result/" + first, Blob.of(result)).get(60, TimeUnit.SECONDS);
                directory.close();
                return;
            }
            List<Thread> ranks = new ArrayList<>();
            for (int rank = first; rank < first + here; rank++) {
                Membership self = new Membership("hosts", 1, rank, size);
                Thread thread = new Thread(() -> run(rendezvous, store, self, work, address), "rank-" + rank);
                thread.start();
                ranks.add(thread);
            }
            for (Thread thread : ranks) {
                thread.join();
            }
            directory.close();
        }
    }

    private static void run(Rendezvous rendezvous, Store store, Membership self, String work, String address) {
        String result;
        try (Communicator communicator = rendezvous.join(self)) {
            store.put("started/" + self.rank(), Blob.of("")).get(60, TimeUnit.SECONDS);
            result = switch (work) {
                case "check" -> check(communicator);
                case "speed" -> new LinkSpeed(communicator, store, address).measure();
                default -> loop(communicator);
            };
        } catch (CollectiveException e) {
            result = e.code() + "\n" + e.getMessage();
        } catch (Exception e) {
            result = e.toString();
        }
        var unused = store.put("result/" + self.rank(), Blob.of(result))
                .orTimeout(60, TimeUnit.SECONDS)
                .join();
    }

    private static String loop(Communicator communicator) throws Exception {
        double[] values = new double[100_000];
        Elements elements = Elements.of(values);
        while (true) {
            Arrays.fill(values, 1);
            communicator.allReduce(elements, elements, ReduceOp.SUM);
        }
    }

    private static String check(Communicator communicator) throws Exception {
        int rank = communicator.membership().rank();
        int size = communicator.membership().size();
        int count = 300_000;
        double[] values = new double[count];
        Arrays.fill(values, rank + 1);
        communicator.allReduce(Elements.of(values), Elements.of(values), ReduceOp.SUM);
        double sum = Arrays.stream(values).distinct().sum();
        double[] all = new double[size * 1_000];
        communicator.allGather(Elements.of(values, 0, 1_000), Elements.of(all));
        double[] one = {rank == 1 ? 11 : 0};
        communicator.broadcast(Elements.of(one), 1);
        int[] sent = new int[size];
        int[] received = new int[size];
        Arrays.setAll(sent, to -> 10 * rank + to);
        communicator.allToAll(Elements.of(sent), Elements.of(received));
        communicator.barrier();
        return sum + " " + Arrays.stream(all).distinct().sum() + " " + one[0] + " " + Arrays.toString(received);
    }
}
