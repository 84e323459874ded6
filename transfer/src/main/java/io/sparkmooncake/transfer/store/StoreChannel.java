// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.store;

import java.io.IOException;

/** Carries one request to {@link HostedStore#answer} and its reply back, by any means. May block; called from one thread. */
@FunctionalInterface
public interface StoreChannel {
    /** Returns the host's answer. */
    byte[] ask(byte[] request) throws IOException;
}
