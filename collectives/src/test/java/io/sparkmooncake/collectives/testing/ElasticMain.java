// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.testing;

import io.sparkmooncake.collectives.CollectiveException;
import io.sparkmooncake.collectives.CollectiveException.Code;
import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.elastic.ActiveRanks;
import io.sparkmooncake.collectives.elastic.ElasticCommunicator;
import io.sparkmooncake.collectives.elastic.ElasticRendezvous;
import io.sparkmooncake.collectives.elastic.OnRankLoss;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.transfer.engine.LocalEngine;
import io.sparkmooncake.transfer.engine.PeerDirectory;
import io.sparkmooncake.transfer.store.Blob;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.tcp.Identity;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/**
 * One rank of an elastic communicator in a JVM of its own, as {@link RankMain} otherwise. It reduces until {@code stop} is there,
 * takes in who asks every ten times, and when it is excluded asks itself. It puts {@code at/<rank>}, the number of its last
 * reduction and who took part, now and then; for each time that it was a member {@code log/<rank>/<life>.<n>}, a line
 * {@code <from> <to> <ranks>} for each stretch of reductions of the same ranks; at the end {@code result/<rank>}. Arguments:
 * rank, size, life, 0 to join first and 1 to ask to come back.
 */
public final class ElasticMain {
    private static final int COUNT = 20_000;
    private static final int STRIDE = 10;
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final ElasticRendezvous rendezvous;
    private final RemoteStore store;
    private final Membership self;
    private final StringBuilder log = new StringBuilder();
    private long from = -1;
    private long last = -1;
    private String ranks = "";

    private ElasticMain(ElasticRendezvous rendezvous, RemoteStore store, Membership self) {
        this.rendezvous = rendezvous;
        this.store = store;
        this.self = self;
    }

    /** Runs the rank. */
    public static void main(String[] args) throws Exception {
        Membership self = new Membership("elastic", 1, Integer.parseInt(args[0]), Integer.parseInt(args[1]));
        String name = "exec-" + self.rank() + "-" + args[2];
        long epoch = 100L * (1 + self.rank()) + Integer.parseInt(args[2]);
        Identity identity = new Identity(name, epoch, "127.0.0.1", RankMain.SECRET.getBytes(StandardCharsets.UTF_8));
        try (LocalEngine engine = LocalEngine.start(identity, RankMain.settings("15"));
                RemoteStore store =
                        RemoteStore.start(name, engine.agent(), RankMain.channel(), Duration.ofSeconds(30))) {
            PeerDirectory directory = PeerDirectory.join(engine, store).get(60, TimeUnit.SECONDS);
            Rendezvous joins =
                    new Rendezvous(engine, directory, store, new Rendezvous.Options(Duration.ofSeconds(2), 64 << 10));
            ElasticRendezvous rendezvous = new ElasticRendezvous(
                    engine.self(),
                    joins,
                    directory,
                    store,
                    new ElasticRendezvous.Options(OnRankLoss.SHRINK, 1, Duration.ofSeconds(4)));
            String result = new ElasticMain(rendezvous, store, self).live(args[2], args[3].equals("1"));
            store.put("result/" + self.rank(), Blob.of(result)).get(60, TimeUnit.SECONDS);
            directory.close();
        }
    }

    private String live(String life, boolean returns) throws Exception {
        boolean asks = returns;
        for (int time = 0; ; time++) {
            String result;
            boolean again = false;
            try (ElasticCommunicator communicator = asks ? rendezvous.rejoin(self, PATIENCE) : rendezvous.join(self)) {
                result = reduce(communicator, asks);
            } catch (CollectiveException e) {
                result = e.code() + "\n" + e.getMessage();
                again = e.code() == Code.EXCLUDED;
            }
            endStretch();
            store.put("log/" + self.rank() + "/" + life + "." + time, Blob.of(log.toString()))
                    .get(60, TimeUnit.SECONDS);
            if (!again) {
                return result;
            }
            log.setLength(0);
            last = -1;
            asks = true;
        }
    }

    private String reduce(ElasticCommunicator communicator, boolean isNew) throws Exception {
        double[] values = new double[COUNT];
        Elements elements = Elements.of(values);
        long done = isNew ? latest(communicator, 0) : 0;
        while (true) {
            boolean stop = done % STRIDE == 0
                    && store.get("stop").get(60, TimeUnit.SECONDS).isPresent();
            Arrays.fill(values, 1 << self.rank());
            values[0] = stop ? 1 : 0;
            ActiveRanks active = communicator.allReduce(elements, elements, ReduceOp.SUM);
            note(done, active, values);
            if (values[0] > 0) {
                return "done " + done;
            }
            done++;
            if (done % STRIDE == 0) {
                communicator.readmit();
                done = latest(communicator, done);
                store.put("at/" + self.rank(), Blob.of(done + " " + active.ranks()))
                        .get(60, TimeUnit.SECONDS);
            }
        }
    }

    private static long latest(ElasticCommunicator communicator, long done) throws CollectiveException {
        return communicator.<Long>allReduceObject(done, Math::max).value();
    }

    private void note(long number, ActiveRanks active, double[] values) {
        double expected = active.ranks().stream().mapToInt(rank -> 1 << rank).sum();
        for (int i = 1; i < values.length; i++) {
            if (values[i] != expected) {
                throw new AssertionError("value=" + values[i] + " at " + i + " of #" + number + ", active=" + active);
            }
        }
        String now = active.ranks().toString().replace(" ", "");
        if (number != last + 1 || !now.equals(ranks)) {
            endStretch();
            from = number;
            ranks = now;
        }
        last = number;
    }

    private void endStretch() {
        if (last >= 0) {
            log.append(from).append(' ').append(last).append(' ').append(ranks).append('\n');
        }
    }
}
