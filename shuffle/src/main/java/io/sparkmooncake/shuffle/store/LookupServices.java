// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.shuffle.store;

import io.sparkmooncake.transfer.ControlService.Caller;
import io.sparkmooncake.transfer.TransferEngine;
import java.nio.ByteBuffer;

/** Offers a store's look-ups, lease renewals and releases to peers. */
public final class LookupServices {
    private LookupServices() {}

    /** Offers the services on an engine. They answer on its control threads. */
    public static void offer(TransferEngine engine, MapOutputStore store) {
        engine.serve(
                LookupRequest.SERVICE,
                (from, request) -> LookupFrame.encode(
                        LeasedBlocks.described(store.lookup(holder(from), LookupFrame.decodeRequest(request)))));
        engine.serve(
                LookupRequest.RENEW_SERVICE, (from, request) -> flag(store.renew(holder(from), request.getLong())));
        engine.serve(LookupRequest.RELEASE_SERVICE, (from, request) -> {
            store.release(holder(from), request.getLong());
            return flag(false);
        });
    }

    private static String holder(Caller caller) {
        return caller.name();
    }

    private static ByteBuffer flag(boolean value) {
        return ByteBuffer.wrap(new byte[] {(byte) (value ? 1 : 0)});
    }
}
