// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.collectives.algorithm;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.collectives.Communicator;
import io.sparkmooncake.collectives.bootstrap.Rendezvous;
import io.sparkmooncake.collectives.spi.DataType;
import io.sparkmooncake.collectives.spi.Elements;
import io.sparkmooncake.collectives.spi.ReduceOp;
import io.sparkmooncake.collectives.testing.RankProcesses;
import io.sparkmooncake.collectives.testing.SparseRegion;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Vectors of more elements, and of more bytes, than an {@code int} counts. Takes 7 GiB of /dev/shm for a while. */
@Tag("campaign")
final class LongVectorsIT {
    private static final long GIB = 1L << 30;
    private static final long BYTES = 2 * GIB + 12_344;
    private static final byte MARK = 3;

    private interface Check {
        void run(Communicator communicator, SparseRegion region) throws Exception;
    }

    private static void run(String name, long bytes, Check check) throws Exception {
        Path shm = Path.of("/dev/shm");
        try (RankProcesses processes = new RankProcesses(1, Rendezvous.Options.DEFAULT, Map.of())) {
            processes.runAll(name, 1, 2, communicator -> {
                String file = "mooncake-test-" + ProcessHandle.current().pid() + "-"
                        + communicator.membership().rank();
                try (SparseRegion region = new SparseRegion(shm.resolve(file), bytes)) {
                    check.run(communicator, region);
                }
                return 0;
            });
        }
    }

    private static long[] places(long count) {
        return new long[] {0, GIB - 1, GIB, 2 * GIB - 1, 2 * GIB, count / 2, count - 1};
    }

    private static void mark(Elements elements, long at, int value) {
        Elements.of(new byte[] {(byte) value}).copyTo(0, elements, at, 1);
    }

    private static byte valueAt(Elements elements, long at) {
        byte[] value = new byte[1];
        elements.copyTo(at, Elements.of(value), 0, 1);
        return value[0];
    }

    @Test
    void moreThanTwoGibOfElementsAreReduced() throws Exception {
        run("long-reduce", BYTES, (communicator, region) -> {
            int rank = communicator.membership().rank();
            Elements all = Elements.of(region, 0, BYTES, DataType.INT8);
            for (long at : places(BYTES)) {
                mark(all, at, MARK + rank);
            }
            communicator.allReduce(all, all, ReduceOp.SUM);
            for (long at : places(BYTES)) {
                assertThat(valueAt(all, at)).as("at=%s", at).isEqualTo((byte) (2 * MARK + 1));
            }
            assertThat(valueAt(all, 2 * GIB + 1)).isZero();
        });
    }

    @Test
    void moreThanTwoGibOfElementsAreGatheredAndSent() throws Exception {
        long block = BYTES / 2;
        run("long-gather", BYTES, (communicator, region) -> {
            int rank = communicator.membership().rank();
            Elements all = Elements.of(region, 0, BYTES, DataType.INT8);
            mark(all, rank * block, MARK + rank);
            mark(all, rank * block + block - 1, MARK + rank);
            communicator.allGather(all.slice(rank * block, block), all);
            assertThat(valueAt(all, block - 1)).isEqualTo(MARK);
            assertThat(valueAt(all, block)).isEqualTo((byte) (MARK + 1));
            assertThat(valueAt(all, BYTES - 1)).isEqualTo((byte) (MARK + 1));
            mark(all, 2 * GIB + 7, 10 + rank);
            communicator.broadcast(all, 1);
            assertThat(valueAt(all, 2 * GIB + 7)).isEqualTo((byte) 11);
            if (rank == 0) {
                mark(all, 2 * GIB + 9, 77);
                communicator.send(all, 1, 0);
            } else {
                communicator.receive(all, 0, 0);
                assertThat(valueAt(all, 2 * GIB + 9)).isEqualTo((byte) 77);
            }
        });
    }
}
