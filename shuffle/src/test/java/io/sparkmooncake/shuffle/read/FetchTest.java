// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import io.sparkmooncake.transfer.memory.RegionPool;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.TaskContext$;
import org.apache.spark.TaskContextImpl;
import org.apache.spark.TaskKilledException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** However a reading task ends, it holds no lease afterwards. */
final class FetchTest {
    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final long LEASE = 4_711;

    @TempDir
    Path directory;

    private final Leases leases = new Leases(MINUTE, System::nanoTime, Runnable::run);

    @SuppressWarnings("NullAway.Init") // by started()
    private Lookups lookups;

    private final List<Long> released = new ArrayList<>();
    private final List<TransferBatch> submitted = new ArrayList<>();
    private final HostRegion remote = Regions.allocate(100);
    private final RegionPool scratch = RegionPool.privateMemory(new RegionPool.Limits(1 << 20, 1 << 20, MINUTE));
    private final TaskContextImpl context = TaskContext$.MODULE$.empty();

    @AfterEach
    void close() {
        scratch.close();
        remote.release();
    }

    @Test
    void aTaskThatIsKilledWhenItsAnswerHasCome() {
        Fetch fetch = started();
        context.markInterrupted("killed by a test");
        assertThatThrownBy(fetch::peek).isInstanceOf(TaskKilledException.class);
        assertThat(leases.held()).isEqualTo(1);
        fetch.close();
        lookups.trim();
        assertThat(leases.held()).isZero();
        assertThat(released).containsExactly(LEASE);
    }

    @Test
    void aTaskThatIsInterruptedWithEveryGroupUnderWay() {
        Fetch fetch = started();
        assertThatThrownBy(fetch::peek).isInstanceOf(InterruptedException.class);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(submitted).hasSize(1);
        fetch.close();
        lookups.trim();
        assertThat(leases.held()).isZero();
        assertThat(released).containsExactly(LEASE);
        assertThat(submitted.get(0).cancellation()).isDone();
    }

    private Fetch started() {
        lookups = new Lookups(Reading.owners(directory, SlowOwner::new), leases, Duration.ZERO, System::nanoTime);
        Fetch fetch = new Fetch(lookups, new HostLanding(scratch), Reading.limits(), Reading.report(context));
        fetch.start(Reading.oneBlock());
        return fetch;
    }

    /** Answers look-ups with one block that only transfers reach, and interrupts the task whose transfer it takes. */
    private final class SlowOwner extends Reading.Owner {
        SlowOwner() {
            super(released);
        }

        @Override
        public Submission submit(TransferBatch batch) {
            batch.begin();
            submitted.add(batch);
            Thread.currentThread().interrupt();
            return Submission.ACCEPTED;
        }

        @Override
        public Optional<HostRegion> map(RegionDescriptor region) {
            return Optional.empty();
        }

        @Override
        ByteBuffer answer(ByteBuffer lookup) {
            return oneBlock();
        }
    }

    private ByteBuffer oneBlock() {
        ByteArrayOutputStream region = new ByteArrayOutputStream();
        try {
            remote.descriptor().writeTo(new DataOutputStream(region));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ByteBuffer answer = ByteBuffer.allocate(29 + region.size() + 28);
        answer.put((byte) 3).putLong(LEASE).putInt(1).putInt(1);
        answer.putInt(1).putInt(region.size()).put(region.toByteArray());
        answer.putInt(1).putInt(0).putInt(0).putInt(0).putLong(0).putInt(100).putInt(0);
        return answer.rewind();
    }
}
