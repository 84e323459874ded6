// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.shuffle.read.TestExecutor.Entry;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.TaskContext$;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** An owner answers a look-up, and the connection breaks before the answer arrives: its lease is released all the same. */
final class LostAnswersTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final int SHUFFLE = 4;

    private final List<TestExecutor> executors = new ArrayList<>();
    private final Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);
    private final RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(1 << 20, 1 << 20, MINUTE));

    @AfterEach
    void close() {
        scratch.close();
        executors.forEach(TestExecutor::close);
    }

    @Test
    void theOwnerOfALostAnswerHoldsNothing() throws IOException {
        for (String name : List.of("reader", "owner-1", "owner-2")) {
            executors.add(new TestExecutor(name, "shm,tcp"));
        }
        Set<String> lost = ConcurrentHashMap.newKeySet();
        Lookups lookups = executors.get(0).lookups(executors, leases, peer -> new Forgetful(peer, lost));
        List<PeerBlocks> sources = new ArrayList<>();
        for (TestExecutor owner : executors.subList(1, 3)) {
            owner.commit(SHUFFLE, 10, List.of(List.of(new Entry(0, ByteBuffer.allocate(1_000), false))));
            sources.addAll(owner.blocks(SHUFFLE, 10, 1));
        }
        int rows = 0;
        try (Fetch fetch = fetch(lookups)) {
            fetch.start(sources);
            while (fetch.peek() != null) {
                fetch.take();
                rows++;
            }
        }
        assertThat(rows).isEqualTo(2);
        assertThat(lost).containsExactlyInAnyOrder("owner-1", "owner-2");
        lookups.forget(SHUFFLE);
        await().atMost(MINUTE)
                .until(() ->
                        executors.stream().allMatch(executor -> executor.store().liveLeases() == 0));
        assertThat(leases.held()).isZero();
    }

    private Fetch fetch(Lookups lookups) {
        ReadLimits limits =
                new ReadLimits(1 << 20, 10, MINUTE, MINUTE, new ReadLimits.Retries(3, Duration.ofMillis(10)), true);
        FetchReport report = new FetchReport(
                SHUFFLE, TaskContext$.MODULE$.empty(), new ReadCounters(), new TempShuffleReadMetrics());
        return new Fetch(lookups, new HostLanding(scratch), limits, report);
    }

    /** Loses the first answer of each owner, after the owner has given it. */
    private static final class Forgetful extends DelegatingPeer {
        private final Set<String> lost;

        Forgetful(Peer peer, Set<String> lost) {
            super(peer);
            this.lost = lost;
        }

        @Override
        public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
            CompletableFuture<ByteBuffer> answer = super.ask(service, request, timeout);
            if (!service.equals(LookupRequest.SERVICE) || !lost.add(record().name())) {
                return answer;
            }
            return answer.thenCompose(
                    given -> CompletableFuture.failedFuture(new TransferException(Code.TIMED_OUT, "lost by a test")));
        }
    }
}
