// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.engine.WarmUpFrame.RemoteSlot;
import io.sparkmooncake.transfer.engine.WarmUpFrame.Request;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Slot;
import io.sparkmooncake.transfer.engine.WarmUpSlots.Word;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * This process's side of a peer's warm-up: lends slots, each holding a word that only a path into this very memory can read,
 * and says afterwards what it found in them. A grant ends with its confirmation, or with the connect deadline.
 *
 * <p>Threading: safe from any thread; answered on control threads.
 */
final class WarmUpService implements ControlService {
    static final String NAME = "mooncake.warm-up";

    private final PeerRecord self;
    private final WarmUpSlots slots;
    private final AtomicLong sequence;
    private final Agent agent;
    private final Duration timeout;
    private final LostLives lost;

    @GuardedBy("this")
    private final Map<Long, Lent> lent = new HashMap<>();

    WarmUpService(
            PeerRecord self, WarmUpSlots slots, AtomicLong sequence, Agent agent, Duration timeout, LostLives lost) {
        this.self = self;
        this.slots = slots;
        this.sequence = sequence;
        this.agent = agent;
        this.timeout = timeout;
        this.lost = lost;
    }

    @Override
    public ByteBuffer answer(Caller from, ByteBuffer frame) throws TransferException {
        Request request = WarmUpFrame.decodeRequest(frame);
        if (request.epoch() != self.epoch()) {
            throw new TransferException(
                    Code.REFUSED,
                    self.describe() + " lives epoch=" + Long.toHexString(self.epoch()) + " and was asked as epoch="
                            + Long.toHexString(request.epoch()) + ": the record that " + from.name()
                            + " uses is of an earlier life");
        }
        String reason = lost.reason(new Life(from.name(), from.epoch()));
        if (reason != null) {
            throw new TransferException(
                    Code.REFUSED,
                    from.name() + " epoch=" + Long.toHexString(from.epoch()) + " was removed: " + reason
                            + "; a late message of it is dropped");
        }
        return switch (request.op()) {
            case WarmUpFrame.GRANT -> grant(from, request.paths());
            case WarmUpFrame.CONFIRM -> confirm(from, request);
            default -> {
                take(from, request.ticket());
                yield ByteBuffer.allocate(0);
            }
        };
    }

    private ByteBuffer grant(Caller from, int paths) throws TransferException {
        long ticket = sequence.incrementAndGet();
        List<Slot> granted = new ArrayList<>(paths);
        List<RemoteSlot> answer = new ArrayList<>(paths);
        try {
            for (int i = 0; i < paths; i++) {
                Slot slot = slots.acquire();
                granted.add(slot);
                Word word = new Word(self.epoch(), sequence.incrementAndGet());
                slot.write(0, word);
                answer.add(new RemoteSlot(slot.region().descriptor(), slot.offset(), word));
            }
            lend(from, ticket, granted);
        } catch (TransferException | RuntimeException | Error e) {
            granted.forEach(slots::release); // nobody knows of them
            throw e;
        }
        return WarmUpFrame.encode(new WarmUpFrame.Grant(ticket, answer));
    }

    private synchronized void lend(Caller from, long ticket, List<Slot> granted) {
        Agent.Alarm expiry = agent.after(timeout, () -> take(from, ticket));
        lent.put(ticket, new Lent(from.name(), from.epoch(), granted, expiry));
    }

    private ByteBuffer confirm(Caller from, Request request) throws TransferException {
        Lent grant;
        synchronized (this) {
            grant = lent.get(request.ticket());
        }
        if (grant == null
                || !grant.isOf(from)
                || grant.slots.size() != request.words().size()) {
            throw new TransferException(
                    Code.REFUSED,
                    self.describe() + " lent no " + request.words().size() + " warm-up slots to " + from.name()
                            + " epoch="
                            + Long.toHexString(from.epoch()) + " under ticket=" + request.ticket()
                            + ", or the deadline of " + timeout.toMillis() + " ms took them back: connect again");
        }
        List<Word> seen = grant.slots.stream().map(slot -> slot.read(0)).toList();
        take(from, request.ticket());
        return WarmUpFrame.encode(seen);
    }

    private void take(Caller from, long ticket) {
        @Nullable Lent grant;
        synchronized (this) {
            grant = lent.get(ticket);
            if (grant == null || !grant.isOf(from)) {
                return;
            }
            lent.remove(ticket);
        }
        grant.expiry.cancel();
        grant.slots.forEach(slots::release);
    }

    /** Returns how many grants are out. */
    synchronized int lent() {
        return lent.size();
    }

    private record Lent(String name, long epoch, List<Slot> slots, Agent.Alarm expiry) {
        boolean isOf(Caller caller) {
            return epoch == caller.epoch() && name.equals(caller.name());
        }
    }
}
