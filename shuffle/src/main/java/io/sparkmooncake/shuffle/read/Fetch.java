// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.shuffle.read.BlockOwners.GoneException;
import io.sparkmooncake.shuffle.read.ReadCounters.Retry;
import io.sparkmooncake.shuffle.read.RemoteReads.Step;
import io.sparkmooncake.shuffle.read.RemoteReads.Transfer;
import io.sparkmooncake.shuffle.spark.SparkInternals;
import io.sparkmooncake.transfer.Peer;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Brings the blocks of one reduce task, in the order in which they become readable. A block that goes on in a later group is
 * followed by that group and by no other. Every row is complete and verified before it is handed out; anything else is Spark's
 * FetchFailedException, or a plain failure of this task when the cause lies in this process.
 *
 * <p>Threading: one thread reads, any thread closes. The engine's threads only add to {@link FetchEvents}, which the reading
 * thread handles.
 */
final class Fetch implements AutoCloseable {
    private final Lookups lookups;
    private final Landing landing;
    private final ReadLimits limits;
    private final FetchReport report;
    private final FetchEvents events = new FetchEvents();
    private final CRC32C crc = new CRC32C();

    @GuardedBy("this")
    private final ByteBudget budget;

    @GuardedBy("this")
    private final Deque<Asked> notAsked = new ArrayDeque<>();

    @GuardedBy("this")
    private final List<FoundBlocks> allFound = new ArrayList<>();

    @GuardedBy("this")
    private final List<RemoteReads> allReads = new ArrayList<>();

    @GuardedBy("this")
    private final ReadQueue queue;

    @GuardedBy("this")
    private @Nullable Group current;

    @GuardedBy("this")
    private boolean currentTaken = true;

    /** The thread that took a row last. */
    @GuardedBy("this")
    private @Nullable Thread reader;

    @GuardedBy("this")
    private boolean closed;

    private final IdleTime idle;

    /** A look-up, and how often its connection failed. */
    private record Asked(PeerBlocks source, int failures) {}

    Fetch(Lookups lookups, Landing landing, ReadLimits limits, FetchReport report) {
        this.lookups = lookups;
        this.landing = landing;
        this.limits = limits;
        this.report = report;
        this.queue = new ReadQueue(limits.maxRequestsInFlight());
        this.idle = new IdleTime(landing, limits.patience(), report);
        this.budget = new ByteBudget(limits.maxBytesInFlight());
    }

    /** Looks the blocks up; those of this executor become readable at once. */
    synchronized void start(List<PeerBlocks> sources) {
        List<PeerBlocks> own = new ArrayList<>();
        for (PeerBlocks source : sources) {
            if (lookups.owners().isHere(source.executorId())) {
                own.add(source);
            } else {
                notAsked.add(new Asked(source, 0));
            }
        }
        askMore();
        own.forEach(source -> found(new Asked(source, 0), lookups.here(source, report.request(source))));
    }

    @GuardedBy("this")
    private void askMore() {
        while (!notAsked.isEmpty() && queue.mayRequest()) {
            Asked asked = notAsked.remove();
            queue.begun(asked.source);
            var unused = lookups.ask(asked.source, report.request(asked.source))
                    .whenComplete((found, failure) -> events.add(() -> lookedUp(asked, found, failure)));
        }
    }

    /** Returns the next row without taking it, waiting for it when necessary; null when there is no more. */
    @Nullable
    Group peek() {
        idle.reset();
        while (true) {
            boolean news = false;
            for (Runnable event = events.poll(); event != null; event = events.poll()) {
                event.run();
                news = true;
            }
            synchronized (this) {
                requireOpen();
                if (news) {
                    submit();
                }
                if (advance()) {
                    return current;
                }
                if (isDone()) {
                    return null;
                }
            }
            await();
        }
    }

    /** Moves to the next row that is readable now. */
    @GuardedBy("this")
    private boolean advance() {
        while (currentTaken) {
            if (current != null && current.hasNext()) {
                if (!queue.hasMemoryFor(current)) {
                    return false;
                }
                current.next();
                verify(current);
                currentTaken = false;
                break;
            }
            closeCurrent();
            submit();
            current = queue.next();
            if (current == null) {
                return false;
            }
        }
        return true;
    }

    /** Takes the row that {@link #peek} showed; it is readable until the next call of either. */
    synchronized void take() {
        requireOpen();
        currentTaken = true;
        reader = Thread.currentThread();
        report.taken(Objects.requireNonNull(current));
    }

    @GuardedBy("this")
    private void requireOpen() {
        if (closed) {
            if (current != null) {
                current.close();
            }
            throw report.closed();
        }
    }

    @GuardedBy("this")
    private void closeCurrent() {
        if (current != null) {
            Group read = current;
            report.requireLease(read);
            current = null;
            read.close();
            queue.read(read);
        }
    }

    @GuardedBy("this")
    private boolean isDone() {
        return current == null && queue.isEmpty() && notAsked.isEmpty() && !events.hasDelayed();
    }

    @GuardedBy("this")
    private void verify(Group group) {
        report.load(group);
        if (!limits.checksum()) {
            return;
        }
        int actual = group.checksum(crc);
        if (actual != group.table().checksum(group.row())) {
            throw report.corrupt(group, actual);
        }
    }

    private void await() {
        Runnable event = idle.await(events, waitAtMost());
        if (event != null) {
            event.run();
        } else {
            failIfStuck();
        }
    }

    private synchronized Duration waitAtMost() {
        return Duration.ofMillis(queue.hindrance() == Step.NO_MEMORY ? 20 : 200);
    }

    private synchronized void failIfStuck() {
        if (!events.hasDelayed()) {
            idle.add(queue);
        }
    }

    private synchronized void lookedUp(Asked asked, @Nullable FoundBlocks found, @Nullable Throwable failure) {
        queue.ended();
        if (found == null) {
            if (!closed) {
                lookUpAgain(asked, BlockOwners.unwrap(Objects.requireNonNull(failure)));
            }
        } else if (closed) {
            found.close();
        } else {
            asked.source.without(found.source()).forEach(left -> notAsked.add(new Asked(left, 0)));
            found(new Asked(found.source(), asked.failures), found);
        }
    }

    @GuardedBy("this")
    private void lookUpAgain(Asked asked, Throwable failure) {
        if (!BlockOwners.mayComeBack(failure)
                || asked.failures == limits.retries().max()) {
            throw report.notLookedUp(asked.source, asked.failures + 1, failure);
        }
        report.retried(Retry.LOOKUP, asked.source, failure);
        Asked again = new Asked(asked.source, asked.failures + 1);
        events.addLater(limits.retries().delayAfter(again.failures), () -> askAgain(again));
    }

    private synchronized void askAgain(Asked asked) {
        if (!closed) {
            notAsked.add(asked);
        }
    }

    @GuardedBy("this")
    private void found(Asked asked, FoundBlocks found) {
        allFound.add(found);
        report.requireComplete(found);
        if (found.table().size() == 0) {
            found.close();
            return;
        }
        TransferException notMapped = null;
        try {
            Optional<Landing.Place> place = landing.inPlace(found);
            if (place.isPresent()) {
                queue.add(new Group(found, place.get(), 0, found.table().size(), null));
                return;
            }
        } catch (TransferException e) {
            if (BlockOwners.mayComeBack(e)) {
                found.close();
                lookUpAgain(asked, e);
                return;
            }
            notMapped = e;
        }
        RemoteReads reads = new RemoteReads(
                found, landing, budget, limits.timeout(), notMapped, transfer -> events.add(() -> arrived(transfer)));
        allReads.add(reads);
        queue.add(reads);
    }

    private synchronized void arrived(Transfer transfer) {
        queue.ended();
        RemoteReads reads = transfer.reads();
        TransferException failure = transfer.batch().firstFailure().orElse(null);
        if (closed) {
            transfer.group().close();
        } else if (failure != null) {
            transferAgain(transfer, failure);
        } else {
            reads.landed(transfer);
            queue.add(transfer.group());
            if (reads.found().isExpired()) {
                throw report.expired(reads.source());
            }
        }
    }

    @GuardedBy("this")
    private void transferAgain(Transfer transfer, TransferException failure) {
        RemoteReads reads = transfer.reads();
        int failures = reads.failed(transfer);
        if (reads.notMapped().isPresent() && failure.code() == Code.UNREACHABLE) {
            throw report.notMapped(reads.source(), reads.notMapped().get(), failure);
        }
        if (!BlockOwners.mayComeBack(failure) || failures > limits.retries().max()) {
            throw report.notTransferred(transfer.group(), failures, failure);
        }
        report.retried(Retry.TRANSFER, reads.source(), failure);
        queue.add(reads);
        if (failures > 0) {
            connectLater(reads, failures);
        }
    }

    private void connectLater(RemoteReads reads, int failures) {
        events.addLater(limits.retries().delayAfter(failures), () -> connect(reads));
    }

    private synchronized void connect(RemoteReads reads) {
        if (closed) {
            return;
        }
        queue.begun(reads.source());
        var unused = lookups.owners()
                .connect(reads.source().executorId())
                .whenComplete((peer, failure) -> events.add(() -> connected(reads, peer, failure)));
    }

    private synchronized void connected(RemoteReads reads, @Nullable Peer peer, @Nullable Throwable failure) {
        queue.ended();
        if (closed) {
            return;
        }
        if (peer != null) {
            if (peer.record().epoch() != reads.found().peer().record().epoch()) {
                throw report.replaced(reads.source());
            }
            reads.connected(peer);
            return;
        }
        Throwable cause = BlockOwners.unwrap(Objects.requireNonNull(failure));
        int failures = reads.connectFailed();
        if (cause instanceof GoneException
                || !BlockOwners.mayComeBack(cause)
                || failures > limits.retries().max()) {
            throw report.notConnected(reads.source(), failures, cause);
        }
        report.retried(Retry.CONNECT, reads.source(), cause);
        connectLater(reads, failures);
    }

    @GuardedBy("this")
    private void submit() {
        askMore();
        try {
            queue.submit();
            if (current == null) {
                queue.submitWhenStarved();
            }
        } catch (IOException e) {
            throw SparkInternals.sneaky(e);
        }
    }

    /** Returns the failure of a row that is not where it must be. */
    RuntimeException outOfPlace(Group group, String expected) {
        return report.failed(group, group.row(), "its row " + group.row() + " is out of place: " + expected, null);
    }

    /** A row that another thread has taken may be read by it this moment. */
    @GuardedBy("this")
    private void closeUnread() {
        Group open = current;
        if (open != null && currentTaken && reader != null && reader != Thread.currentThread()) {
            landing.closeAfter(reader, open::close);
        } else if (open != null) {
            open.close();
            current = null;
        }
    }

    /** Ends everything under way and gives back what is held, at once or when it comes. Idempotent. */
    @Override
    public void close() {
        synchronized (this) {
            closed = true;
            closeUnread();
            queue.close();
            allReads.forEach(RemoteReads::close);
            allFound.forEach(FoundBlocks::close);
            notAsked.clear();
        }
        events.close();
    }
}
