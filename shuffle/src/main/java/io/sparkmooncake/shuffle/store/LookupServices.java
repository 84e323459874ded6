// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.ControlService;
import io.sparkmooncake.transfer.ControlService.Caller;
import io.sparkmooncake.transfer.TransferEngine;
import io.sparkmooncake.transfer.memory.HostRegion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.LongBuffer;

/** Offers a store's look-ups, lease renewals and releases to peers. */
public final class LookupServices {
    /** Longest answer to a look-up, which fits into a control frame: 16 MiB, 600,000 rows. The asker asks for the rest. */
    public static final int MAX_ANSWER_BYTES = 16 << 20;

    private LookupServices() {}

    /**
     * Offers the services on an engine. Short look-ups are answered on its event loops, all else on its control threads.
     *
     * @param maxAnswerBytes longest answer to a look-up, {@link #MAX_ANSWER_BYTES} at most
     */
    public static void offer(TransferEngine engine, MapOutputStore store, int maxAnswerBytes) {
        engine.serve(LookupRequest.SERVICE, new Lookups(store, maxAnswerBytes));
        engine.serve(
                LookupRequest.RENEW_SERVICE, (from, request) -> renew(store, holder(from), request.asLongBuffer()));
        engine.serve(LookupRequest.RELEASE_SERVICE, (from, request) -> {
            while (request.hasRemaining()) {
                store.release(holder(from), request.getLong());
            }
            return ByteBuffer.wrap(new byte[1]);
        });
    }

    private record Lookups(MapOutputStore store, int maxAnswerBytes) implements ControlService {
        @Override
        public boolean isBrief(ByteBuffer request) {
            if (LookupFrame.pairs(request) > LookupRequest.BRIEF_PAIRS) {
                return false;
            }
            try {
                return store.hasIndexesInMemory(LookupFrame.decodeRequest(request.duplicate()));
            } catch (IOException malformed) {
                return true; // the answer is a refusal
            }
        }

        @Override
        public ByteBuffer answer(Caller from, ByteBuffer request) throws IOException {
            LeasedBlocks<HostRegion> found =
                    store.lookup(holder(from), LookupFrame.decodeRequest(request), maxAnswerBytes);
            return LookupFrame.encode(LeasedBlocks.described(found));
        }
    }

    private static String holder(Caller caller) {
        return caller.name();
    }

    /** Renews leases of one holder and returns a byte for each: 1 when it lives. */
    public static ByteBuffer renew(MapOutputStore store, String holder, LongBuffer leaseIds) {
        ByteBuffer answer = ByteBuffer.allocate(leaseIds.remaining());
        while (leaseIds.hasRemaining()) {
            answer.put((byte) (store.renew(holder, leaseIds.get()) ? 1 : 0));
        }
        return answer.flip();
    }
}
