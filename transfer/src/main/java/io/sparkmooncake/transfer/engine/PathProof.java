// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import io.sparkmooncake.transfer.Opcode;
import io.sparkmooncake.transfer.TransferBatch;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.engine.WarmUpFrame.RemoteSlot;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Slot;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import io.sparkmooncake.transfer.spi.Link;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Proves one link: READs the word that the peer put into the slot, which only a path into the peer's very memory finds there;
 * WRITEs a word of this process's own; READs it back. Equal host names or files that merely look alike do not pass.
 *
 * <p>Threading: its owner's agent, on which the verdict is delivered.
 */
final class PathProof {
    private static final int READ = 0;
    private static final int WRITTEN = 1;
    private static final int READ_BACK = 2;

    private final Link link;
    private final RemoteSlot remote;
    private final Slot scratch;
    private final Word own;
    private final Executor agent;
    private boolean broken;

    /**
     * Prepares a proof.
     *
     * @param link to prove
     * @param remote slot of the peer
     * @param scratch slot of this process, untouched by anything else until the verdict
     * @param own word to write
     * @param agent that the verdict is delivered on
     */
    PathProof(Link link, RemoteSlot remote, Slot scratch, Word own, Executor agent) {
        this.link = link;
        this.remote = remote;
        this.scratch = scratch;
        this.own = own;
        this.agent = agent;
    }

    /**
     * Begins.
     *
     * @param timeout of each of the three transfers
     * @param verdict receives null when the words were equal, else why the link is refused
     */
    void start(Duration timeout, Consumer<@Nullable String> verdict) {
        if (!link.reaches(scratch.region().location(), remote.region())) {
            verdict.accept("does not move bytes between location="
                    + scratch.region().location() + " here and location="
                    + remote.region().location() + " there, which the warm-up needs");
            return;
        }
        scratch.write(READ, new Word(0, 0));
        scratch.write(WRITTEN, own);
        scratch.write(READ_BACK, new Word(0, 0));
        move(Opcode.READ, READ, timeout, verdict, () -> {
            if (!scratch.read(READ).equals(remote.word())) {
                verdict.accept("read word=" + scratch.read(READ) + " where the peer keeps word=" + remote.word()
                        + ": it reaches other memory than the peer's");
                return;
            }
            move(
                    Opcode.WRITE,
                    WRITTEN,
                    timeout,
                    verdict,
                    () -> move(Opcode.READ, READ_BACK, timeout, verdict, () -> compare(verdict)));
        });
    }

    /** Returns whether the link broke meanwhile. */
    boolean isBroken() {
        return broken;
    }

    private void compare(Consumer<@Nullable String> verdict) {
        Word back = scratch.read(READ_BACK);
        verdict.accept(back.equals(own) ? null : "wrote word=" + own + " and read back word=" + back);
    }

    private void move(Opcode opcode, int index, Duration timeout, Consumer<@Nullable String> verdict, Runnable onward) {
        TransferBatch batch = new TransferBatch(opcode, timeout);
        batch.add(
                scratch.region(), scratch.wordOffset(index), remote.region(), remote.offset(), WarmUpSlots.WORD_BYTES);
        batch.begin();
        Following.onAgent(
                agent,
                batch.completion(),
                (done, never) -> batch.firstFailure()
                        .ifPresentOrElse(
                                failure -> {
                                    broken = failure.code() == TransferException.Code.PEER_LOST;
                                    verdict.accept("warm-up " + opcode + " failed: " + failure.getMessage());
                                },
                                onward));
        try {
            link.submit(batch);
        } catch (RuntimeException e) {
            batch.failUnfinished(new TransferException(TransferException.Code.UNREACHABLE, e.toString(), e));
        }
    }
}
