// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.link;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.collectives.fabric.Call;
import io.sparkmooncake.collectives.fabric.Operation;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.agent.AgentThread;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Regions;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/** A message that lands while its receiver looks for it, over slots that held others before. */
@JCStressTest
@Description("One rank sends twelve numbers and then says how many messages it took; the other one polls and reads both.")
@Outcome(id = "0, 0", expect = ACCEPTABLE, desc = "The message was whole when its head was, and so were the words.")
@Outcome(expect = FORBIDDEN, desc = "A payload was read before it had landed, or a record was taken half landed.")
@State
public class PostAgainstPoll {
    /** More than jcstress keeps at a time, so that no two tries share a lane. */
    private static final int LANES = 1 << 11;

    private static final int COUNT = 12;
    private static final long EPOCH = 3;
    private static final LaneLayout LAYOUT = new LaneLayout(8, 128);
    private static final Agent AGENT = AgentThread.start("stress");
    private static final OneWay[] WAYS = create();
    private static final AtomicInteger TAKEN = new AtomicInteger();
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final OneWay way = WAYS[TAKEN.getAndIncrement() & LANES - 1];
    private final int number = NUMBERS.addAndGet(COUNT);

    /** A lane and how many messages went over it. */
    private static final class OneWay {
        private final Inbox inbox;
        private final Outbox outbox;
        private final LinkCall call = new LinkCall();
        private long credit;
        private long wanted;

        OneWay() {
            HostRegion memory = Regions.allocate(LAYOUT.sizeBytes());
            inbox = new Inbox(memory, LAYOUT, EPOCH);
            outbox = new Outbox(
                    new CopyingPeer(memory), memory.descriptor(), LAYOUT, EPOCH, AGENT, Duration.ofSeconds(60));
            call.begin(1, Call.signature(Operation.BARRIER, null, null, -1));
        }
    }

    private static OneWay[] create() {
        OneWay[] ways = new OneWay[LANES];
        for (int i = 0; i < LANES; i++) {
            ways[i] = new OneWay();
        }
        return ways;
    }

    /** Sends. */
    @Actor
    public void post(JJ_Result result) {
        int[] numbers = new int[COUNT];
        for (int i = 0; i < COUNT; i++) {
            numbers[i] = number + i;
        }
        Elements.of(numbers).copyTo(0, way.outbox.next(DataType.INT32), 0, COUNT);
        way.outbox.post(way.call, COUNT * Integer.BYTES, 0);
        // As many as make the words due.
        way.credit += LAYOUT.slots();
        way.outbox.credit(way.credit);
        result.r2 = 0;
    }

    /** Receives. */
    @Actor
    public void poll(JJ_Result result) {
        while (!way.inbox.poll()) {
            Thread.onSpinWait();
        }
        int[] numbers = new int[COUNT];
        way.inbox.payload(DataType.INT32).copyTo(0, Elements.of(numbers), 0, COUNT);
        long wrong = 0;
        for (int i = 0; i < COUNT; i++) {
            wrong += numbers[i] == number + i ? 0 : 1;
        }
        way.inbox.release();
        way.wanted += LAYOUT.slots();
        while (way.inbox.credit() < way.wanted) {
            Thread.onSpinWait();
        }
        result.r1 = wrong + way.inbox.credit() - way.wanted;
    }
}
