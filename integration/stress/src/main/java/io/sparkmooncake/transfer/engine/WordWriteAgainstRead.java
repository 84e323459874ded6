// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.sparkmooncake.transfer.engine.WarmUpSlots.Slot;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import io.sparkmooncake.transfer.memory.HostRegion;
import io.sparkmooncake.transfer.memory.Location;
import io.sparkmooncake.transfer.memory.Regions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/** {@link Slot#write} through one mapping of a file against {@link Slot#read} through another. */
@JCStressTest
@Description("One process writes a word of (epoch, sequence) while another reads it through its own mapping.")
@Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "Read before the write.")
@Outcome(id = "2, 2", expect = ACCEPTABLE, desc = "Read after the write.")
@Outcome(
        id = "2, 1",
        expect = ACCEPTABLE,
        desc = "Read during the write; it equals neither word, and the path is refused.")
@Outcome(expect = FORBIDDEN, desc = "The sequence was seen before the epoch that was written before it.")
@State
public class WordWriteAgainstRead {
    /** More than jcstress keeps at a time, so that no two tries share a slot. */
    private static final int SLOTS = 1 << 16;

    private static final HostRegion OWNED = create();
    private static final HostRegion MAPPED = map();
    private static final AtomicInteger TAKEN = new AtomicInteger();

    private final Slot written;
    private final Slot read;

    /** Takes a slot with the old word. */
    public WordWriteAgainstRead() {
        long offset = (long) (TAKEN.getAndIncrement() & SLOTS - 1) * WarmUpSlots.SLOT_BYTES;
        written = new Slot(MAPPED, offset);
        read = new Slot(OWNED, offset);
        read.write(0, new Word(1, 1));
    }

    private static HostRegion create() {
        try {
            return Regions.create(
                    java.nio.file.Path.of("/dev/shm"), (long) SLOTS * WarmUpSlots.SLOT_BYTES, Location.ANY);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static HostRegion map() {
        try {
            return Regions.importFrom(OWNED.descriptor());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes the new word. */
    @Actor
    public void writer() {
        written.write(0, new Word(2, 2));
    }

    /** Reads. */
    @Actor
    public void reader(JJ_Result result) {
        Word word = read.read(0);
        result.r1 = word.epoch();
        result.r2 = word.sequence();
    }
}
