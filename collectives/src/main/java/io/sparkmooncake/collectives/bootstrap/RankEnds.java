// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.bootstrap;

import io.sparkmooncake.collectives.Membership;
import io.sparkmooncake.collectives.fabric.Verdict;
import io.sparkmooncake.collectives.link.LaneMemory;
import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.LongFunction;

/**
 * The ranks of this process that others ask for: for the memory of a lane, or to tell them why their communicator broke.
 *
 * <p>Threading: safe from any thread; nothing blocks.
 */
final class RankEnds implements ControlService {
    /** Name of the service. */
    static final String NAME = "mooncake.collectives";

    private final Map<Membership, End> ends = new ConcurrentHashMap<>();

    /** One rank of this process. */
    static final class End {
        private final Membership self;
        private final LaneMemory memory;
        private volatile Consumer<Verdict> breaker = verdict -> {};
        private volatile LongFunction<String> calls = number -> "";

        End(Membership self, LaneMemory memory) {
            this.self = self;
            this.memory = memory;
        }

        /** Says how to describe this rank's calls. */
        void onCall(LongFunction<String> describe) {
            calls = describe;
        }

        /** Says what to do when another rank broke the communicator; it may happen until after the rank has left. */
        void onVerdict(Consumer<Verdict> action) {
            breaker = action;
        }
    }

    End add(Membership self, LaneMemory memory) {
        End end = new End(self, memory);
        ends.put(self, end);
        return end;
    }

    void remove(End end) {
        ends.remove(end.self, end);
    }

    /** Tells every rank of this process that is in the communicator. */
    void tell(String communicator, long epoch, Verdict verdict) {
        List<End> told = ends.values().stream()
                .filter(end ->
                        end.self.epoch() == epoch && end.self.communicator().equals(communicator))
                .toList();
        told.forEach(end -> end.breaker.accept(verdict));
    }

    @Override
    public ByteBuffer answer(Caller caller, ByteBuffer request) throws TransferException {
        RankFrame frame = RankFrame.decode(request);
        if (frame instanceof RankFrame.Told told) {
            tell(told.communicator(), told.epoch(), Verdict.decode(told.verdict()));
            return ByteBuffer.allocate(0);
        }
        if (frame instanceof RankFrame.Called called) {
            End end = ends.get(called.asked());
            String text = end == null ? "" : end.calls.apply(called.sequence());
            return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        }
        RankFrame.Open open = (RankFrame.Open) frame;
        Membership asked = open.asked();
        End end = ends.get(asked);
        if (end == null) {
            throw new TransferException(
                    TransferException.Code.REFUSED,
                    "rank " + asked.rank() + " of communicator=" + asked.communicator() + " epoch=" + asked.epoch()
                            + " is not in this process, or has left");
        }
        try {
            RegionDescriptor lane = end.memory.open(open.asker(), open.stream(), open.slots(), open.slotBytes());
            return RankFrame.encode(lane);
        } catch (IllegalArgumentException e) {
            throw new TransferException(TransferException.Code.REFUSED, String.valueOf(e.getMessage()), e);
        }
    }
}
