// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import io.netty.channel.Channel;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException.Code;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ZL_Result;

/** {@link Dial#on} brings the channel of an attempt to connect while {@link Dial#abandon} gives the attempt up. */
@JCStressTest
@Description(
        "An attempt to connect is given up while its channel opens. Each writes first and then looks at the other's word.")
@Outcome(
        id = "true, closed",
        expect = ACCEPTABLE,
        desc = "One of them saw the other and closed the channel, or both did.")
@Outcome(expect = FORBIDDEN, desc = "Neither saw the other: a channel stays open that nobody waits for.")
@State
public class AbandonAgainstOpen {
    private static final PeerRecord PEER = new PeerRecord("peer", 1, "127.0.0.1", 1, Map.of());

    private final Dial dial = new Dial(PEER, Purpose.CONTROL, false, wire -> {});
    private final AtomicInteger closes = new AtomicInteger();
    private final Channel channel = (Channel) Proxy.newProxyInstance(
            AbandonAgainstOpen.class.getClassLoader(), new Class<?>[] {Channel.class}, (proxy, method, arguments) -> {
                closes.incrementAndGet();
                return null;
            });

    /** The event loop has opened a channel. */
    @Actor
    public void open() {
        dial.on(channel);
    }

    /** The transport is closed. */
    @Actor
    public void abandon() {
        dial.abandon(Code.CLOSED, "closed");
    }

    /** Looks at the channel. */
    @Arbiter
    public void end(ZL_Result result) {
        result.r1 = dial.isDone();
        result.r2 = closes.get() > 0 ? "closed" : "open";
    }
}
