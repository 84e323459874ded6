// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import io.sparkmooncake.transfer.agent.Agent;
import io.sparkmooncake.transfer.store.HostedStore;
import io.sparkmooncake.transfer.store.RemoteStore;
import io.sparkmooncake.transfer.store.Store;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;

/** Clients of one hosted store whose channel can be cut, and counts. They ask on the thread that calls them. */
public final class FakeStores {
    private final HostedStore host;
    private final Agent agent;
    private final LongAdder asks = new LongAdder();
    private final LongAdder bytes = new LongAdder();
    private volatile boolean down;

    public FakeStores(HostedStore host, Agent agent) {
        this.host = host;
        this.agent = agent;
    }

    /** Cuts the channel of every client. */
    public void cut() {
        down = true;
    }

    /** Mends the channel of every client. */
    public void mend() {
        down = false;
    }

    /** Opens the view of one process. */
    public Store open() {
        return RemoteStore.over(agent, new DirectExecutor(), this::ask, Duration.ofSeconds(60))
                .namespace("app");
    }

    /** Returns how many requests the clients sent. */
    public long asks() {
        return asks.sum();
    }

    /** Returns how many bytes of replies they got. */
    public long replyBytes() {
        return bytes.sum();
    }

    private byte[] ask(byte[] request) throws IOException {
        asks.increment();
        if (down) {
            throw new IOException("driver is silent");
        }
        byte[] reply = host.answer(request);
        bytes.add(reply.length);
        return reply;
    }
}
