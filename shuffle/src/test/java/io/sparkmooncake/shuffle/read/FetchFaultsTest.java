// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.sparkmooncake.shuffle.read.TestExecutor.Entry;
import io.sparkmooncake.shuffle.spark.BlockCodec;
import io.sparkmooncake.shuffle.store.LookupRequest;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.RegionPool;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext$;
import org.apache.spark.executor.TempShuffleReadMetrics;
import org.apache.spark.serializer.JavaSerializer;
import org.apache.spark.serializer.SerializerManager;
import org.apache.spark.shuffle.FetchFailedException;
import org.apache.spark.sql.execution.UnsafeRowSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What becomes of a task whose connections, memory or limits fail: it goes on when that may help, and blames who is to blame. */
@SuppressWarnings("NullAway.Init") // each test makes its fetch
final class FetchFaultsTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final int SHUFFLE = 7;
    private static final int BLOCK_BYTES = 100_000;

    private static final List<TestExecutor> EXECUTORS = new ArrayList<>();

    private final AtomicLong now = new AtomicLong();
    private final AtomicInteger connects = new AtomicInteger();
    private final ReadCounters counters = new ReadCounters();
    private final Leases leases = new Leases(MINUTE, now::get, Runnable::run);
    private RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(8 << 20, 1 << 20, MINUTE));
    private Duration patience = MINUTE;
    private Lookups lookups;
    private HostLanding landing;

    @BeforeAll
    static void start() throws IOException {
        EXECUTORS.add(new TestExecutor("reader", "shm,tcp"));
        EXECUTORS.add(new TestExecutor("owner-1", "tcp"));
        EXECUTORS.add(new TestExecutor("owner-2", "tcp"));
        EXECUTORS.add(new TestExecutor("neighbour", "shm,tcp"));
    }

    @AfterAll
    static void stop() {
        EXECUTORS.forEach(TestExecutor::close);
    }

    @AfterEach
    void nothingIsHeld() {
        lookups.forget(SHUFFLE);
        assertThat(leases.held()).isZero();
        assertThat(scratch.usedBytes()).isZero();
        scratch.close();
        EXECUTORS.forEach(executor -> {
            // A test may leave leases behind, and releases that are under way.
            executor.store().holderLost(EXECUTORS.get(0).name());
            executor.store().removeShuffle(SHUFFLE);
        });
    }

    @Test
    void aLookUpWhoseConnectionBreaksIsRepeated() throws Exception {
        AtomicInteger asks = new AtomicInteger();
        try (Fetch fetch = fetch(peer -> new DelegatingPeer(peer) {
            @Override
            public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
                return service.equals(LookupRequest.SERVICE) && asks.incrementAndGet() <= 3
                        ? CompletableFuture.failedFuture(new TransferException(Code.PEER_LOST, "cut"))
                        : super.ask(service, request, timeout);
            }
        })) {
            fetch.start(blocksOf(1, 1));
            assertThat(read(fetch)).isEqualTo(1);
        }
        assertThat(connects.get()).isGreaterThanOrEqualTo(4);
        assertThat(counters.retries(ReadCounters.Retry.LOOKUP)).isEqualTo(3);
    }

    @Test
    void whatLandedBeforeAConnectionBrokeIsNotTransferredAgain() throws Exception {
        List<Integer> requests = new ArrayList<>();
        try (Fetch fetch = fetch(peer -> new DelegatingPeer(peer) {
            @Override
            public Submission submit(TransferBatch batch) {
                requests.add(batch.count());
                if (requests.size() > 1) {
                    return super.submit(batch);
                }
                TransferBatch first = new TransferBatch(batch.opcode(), batch.timeout());
                first.add(
                        batch.local(0), batch.localOffset(0), batch.remote(0), batch.remoteOffset(0), batch.length(0));
                batch.begin();
                super.submit(first);
                var unused = first.completion().thenAccept(done -> {
                    batch.complete(0);
                    batch.failUnfinished(new TransferException(Code.PEER_LOST, "cut"));
                });
                return Submission.ACCEPTED;
            }
        })) {
            fetch.start(blocksOf(1, 3));
            assertThat(read(fetch)).isEqualTo(3);
        }
        assertThat(requests).containsExactly(2, 1, 1);
    }

    @Test
    void aTransferIsGivenUpAfterAsManyRetriesAsSparkAllows() throws Exception {
        AtomicInteger submits = new AtomicInteger();
        try (Fetch fetch = fetch(peer -> failing(peer, Code.TIMED_OUT, submits))) {
            fetch.start(blocksOf(1, 1));
            assertThatThrownBy(fetch::peek)
                    .isInstanceOf(FetchFailedException.class)
                    .hasMessageContaining("from executor owner-1")
                    .hasMessageContaining("could not be transferred in 4 attempts");
        }
        assertThat(submits.get()).isEqualTo(4);
        assertThat(counters.retries(ReadCounters.Retry.TRANSFER)).isEqualTo(3);
    }

    @Test
    void aRefusalIsNotRepeated() throws Exception {
        AtomicInteger submits = new AtomicInteger();
        try (Fetch fetch = fetch(peer -> failing(peer, Code.REFUSED, submits))) {
            fetch.start(blocksOf(1, 1));
            assertThatThrownBy(fetch::peek).isInstanceOf(FetchFailedException.class);
        }
        assertThat(submits.get()).isEqualTo(1);
    }

    @Test
    void aProcessThatIsGoneFailsTheFetchAtOnce() throws Exception {
        AtomicInteger submits = new AtomicInteger();
        try (Fetch fetch = fetch(peer -> {
            return connects.get() > 1 ? notConnected(Code.PEER_GONE) : failing(peer, Code.PEER_LOST, submits);
        })) {
            fetch.start(blocksOf(1, 1));
            assertThatThrownBy(fetch::peek).isInstanceOf(FetchFailedException.class);
        }
        assertThat(submits.get()).isEqualTo(1);
        assertThat(connects.get()).isEqualTo(2);
    }

    @Test
    void aConnectionThatBreaksWhileItIsMadeIsMadeAgain() throws Exception {
        AtomicInteger submits = new AtomicInteger();
        try (Fetch fetch = fetch(peer -> {
            if (connects.get() == 2 || connects.get() == 3) {
                return notConnected(Code.PEER_LOST);
            }
            return submits.get() > 0 ? peer : failing(peer, Code.PEER_LOST, submits);
        })) {
            fetch.start(blocksOf(1, 1));
            assertThat(read(fetch)).isEqualTo(1);
        }
        assertThat(submits.get()).isEqualTo(1);
        assertThat(counters.retries(ReadCounters.Retry.CONNECT)).isPositive();
    }

    private static Peer notConnected(Code code) {
        throw new UncheckedIOException(new TransferException(code, "by a test"));
    }

    private static Peer failing(Peer peer, Code code, AtomicInteger submits) {
        return new DelegatingPeer(peer) {
            @Override
            public Submission submit(TransferBatch batch) {
                submits.incrementAndGet();
                batch.begin();
                batch.failUnfinished(new TransferException(code, "by a test"));
                return Submission.ACCEPTED;
            }
        };
    }

    @Test
    void memoryThatCannotBeMappedHereIsTransferred() throws Exception {
        try (Fetch fetch = fetch(FetchFaultsTest::outOfDescriptors)) {
            fetch.start(blocksOf(3, 2));
            assertThat(read(fetch)).isEqualTo(2);
        }
        assertThat(counters.bytes(ReadCounters.Path.TCP)).isEqualTo(2 * BLOCK_BYTES);
    }

    @Test
    void withoutAnotherPathTheTaskFailsAndNotItsOwner() throws Exception {
        AtomicInteger submits = new AtomicInteger();
        try (Fetch fetch = fetch(peer -> outOfDescriptors(failing(peer, Code.UNREACHABLE, submits)))) {
            fetch.start(blocksOf(3, 1));
            assertThatThrownBy(fetch::peek)
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(FetchFailedException.class)
                    .hasMessageContaining("Too many open files")
                    .hasMessageContaining("ulimit -n");
        }
    }

    private static Peer outOfDescriptors(Peer peer) {
        return new DelegatingPeer(peer) {
            @Override
            public Optional<HostRegion> map(RegionDescriptor region) throws TransferException {
                throw new TransferException(Code.REFUSED, "map refused: Too many open files");
            }
        };
    }

    /** Each group takes more than half of what may be in flight, so the next is asked for when this one was read. */
    @Test
    void nothingIsAwaitedThatWasNotAskedFor() throws Exception {
        List<Long> waitedWhenAsked = new ArrayList<>();
        List<Long> waitedWhenTaken = new ArrayList<>();
        try (Fetch fetch = fetch(
                peer -> new DelegatingPeer(peer) {
                    @Override
                    public Submission submit(TransferBatch batch) {
                        waitedWhenAsked.add(counters.waitMillis());
                        return super.submit(batch);
                    }
                },
                150_000)) {
            fetch.start(blocksOf(1, 20));
            for (Group next = fetch.peek(); next != null; next = fetch.peek()) {
                fetch.take();
                waitedWhenTaken.add(counters.waitMillis());
            }
        }
        assertThat(waitedWhenTaken).hasSize(20);
        assertThat(waitedWhenAsked.subList(1, 20)).isEqualTo(waitedWhenTaken.subList(0, 19));
    }

    @Test
    void blocksThatLandAfterTheirLeaseEndedAreNotTaken() throws Exception {
        try (Fetch fetch = fetch(peer -> new DelegatingPeer(peer) {
            @Override
            public Submission submit(TransferBatch batch) {
                now.addAndGet(MINUTE.toNanos() + 1);
                return super.submit(batch);
            }
        })) {
            fetch.start(blocksOf(2, 1));
            assertThatThrownBy(fetch::peek)
                    .isInstanceOf(FetchFailedException.class)
                    .hasMessageContaining("the lease on its blocks ended");
        }
    }

    /** As rdd.pipe and TRANSFORM do: their input is read by a thread of its own, and closed by the task's. */
    @Test
    void aFetchThatAnotherThreadReadsHoldsNothingOnceItIsClosed() throws Exception {
        CompletableFuture<Void> answers = new CompletableFuture<>();
        Fetch fetch = fetch(peer -> new DelegatingPeer(peer) {
            @Override
            public CompletableFuture<ByteBuffer> ask(String service, ByteBuffer request, Duration timeout) {
                CompletableFuture<ByteBuffer> answer = super.ask(service, request, timeout);
                return service.endsWith("lookup") ? answers.thenCompose(late -> answer) : answer;
            }
        });
        fetch.start(blocksOf(1, 1));
        CompletableFuture<Integer> reader = CompletableFuture.supplyAsync(() -> readUnchecked(fetch));
        await().atMost(MINUTE).until(() -> counters.waitMillis() > 0);
        fetch.close();
        answers.complete(null);
        assertThatThrownBy(() -> reader.get(60, TimeUnit.SECONDS))
                .isInstanceOf(ExecutionException.class)
                .hasMessageContaining("has ended");
        lookups.forget(SHUFFLE);
        await().atMost(MINUTE).until(() -> leases.held() == 0);
        await().atMost(MINUTE).until(() -> EXECUTORS.get(1).store().liveLeases() == 0);
    }

    @Test
    void memoryThatAnotherThreadReadsStaysUntilItEndsOrReadsOn() throws Exception {
        Fetch fetch = fetch(peer -> peer);
        fetch.start(blocksOf(1, 2));
        Thread reader = new Thread(
                () -> {
                    fetch.peek();
                    fetch.take();
                },
                "reads input");
        reader.start();
        reader.join(MINUTE.toMillis());
        fetch.close();
        assertThat(leases.held()).as("kept for the next task").isEqualTo(1);
        assertThat(scratch.usedBytes()).isPositive();
        landing.trim();
        assertThat(scratch.usedBytes()).isZero();
    }

    @Test
    void aRowOfNegativeSizeIsNotTheEnd() throws Exception {
        for (int size : new int[] {-1, -7}) {
            ByteBuffer rows = ByteBuffer.allocate(28).putInt(8).putLong(0).putInt(size);
            EXECUTORS.get(1).commit(SHUFFLE, 50 - size, List.of(List.of(new Entry(0, rows.rewind(), false))));
            try (Fetch fetch = fetch(peer -> peer)) {
                fetch.start(sources(1, 50 - size, 1));
                SparkConf conf = new SparkConf(false);
                BlockCodec codec = new BlockCodec(conf, new SerializerManager(new JavaSerializer(conf), conf));
                Records records =
                        new Records(fetch, codec, new UnsafeRowSerializer(0, null), new TempShuffleReadMetrics());
                assertThat(records.hasNext()).isTrue();
                assertThatThrownBy(records::next)
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("row of size=" + size)
                        .hasMessageContaining("map output " + (50 - size))
                        .hasMessageContaining("owner-1");
            }
            lookups.forget(SHUFFLE);
        }
    }

    private static int read(Fetch fetch) throws IOException {
        int blocks = 0;
        for (Group next = fetch.peek(); next != null; next = fetch.peek()) {
            assertThat(new BlockStream(fetch, next, false).readAllBytes()).hasSize(BLOCK_BYTES);
            blocks++;
        }
        return blocks;
    }

    private static int readUnchecked(Fetch fetch) {
        try {
            return read(fetch);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Fetch fetch(Function<Peer, Peer> change) {
        return fetch(change, 1 << 20);
    }

    private Fetch fetch(Function<Peer, Peer> change, long maxBytesInFlight) {
        TestExecutor reader = EXECUTORS.get(0);
        BlockOwners owners =
                new BlockOwners(reader.name(), reader.store(), name -> connect(reader, name, change), MINUTE);
        lookups = new Lookups(owners, leases, MINUTE, now::get);
        ReadLimits limits = new ReadLimits(
                maxBytesInFlight, 10, MINUTE, patience, new ReadLimits.Retries(3, Duration.ofMillis(10)), true);
        FetchReport report =
                new FetchReport(SHUFFLE, TaskContext$.MODULE$.empty(), counters, new TempShuffleReadMetrics());
        landing = new HostLanding(scratch);
        return new Fetch(lookups, landing, limits, report);
    }

    private CompletableFuture<Peer> connect(TestExecutor reader, String name, Function<Peer, Peer> change) {
        connects.incrementAndGet();
        TestExecutor owner = EXECUTORS.stream()
                .filter(executor -> executor.name().equals(name))
                .findFirst()
                .orElseThrow();
        return reader.engine().connect(owner.engine().self()).thenCompose(peer -> {
            try {
                return CompletableFuture.completedFuture(change.apply(peer));
            } catch (UncheckedIOException e) {
                return CompletableFuture.failedFuture(e.getCause());
            }
        });
    }

    /** Writes map outputs of one block each, and returns what asks for them. */
    private static List<PeerBlocks> blocksOf(int owner, int maps) throws IOException {
        for (int map = 0; map < maps; map++) {
            EXECUTORS
                    .get(owner)
                    .commit(SHUFFLE, map, List.of(List.of(new Entry(0, ByteBuffer.allocate(BLOCK_BYTES), false))));
        }
        return sources(owner, 0, maps);
    }

    private static List<PeerBlocks> sources(int owner, long firstMap, int maps) {
        return EXECUTORS.get(owner).blocks(SHUFFLE, firstMap, maps);
    }
}
