// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.netty.util.concurrent.ScheduledFuture;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Frame;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Hello;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Kind;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The listener's end of the handshake; see {@link HandshakeLayout}. Until the caller proved the secret it learns nothing but
 * a nonce and a proof, and may make this process hold one frame: until it said who it is for a short time, then until the
 * deadline.
 *
 * <p>Threading: the channel's event loop.
 */
final class HandshakeCallee extends ByteToMessageDecoder implements UnfinishedHandshakes.Caller {
    /** A caller sends HELLO as soon as it is connected: of the whole limit it has this part for it, at least two seconds. */
    private static final int HELLO_PART = 8;

    private static final Duration MIN_HELLO_LIMIT = Duration.ofSeconds(2);

    private final Identity self;
    private final boolean encrypted;
    private final Duration limit;
    private final ReceiveBuffer receive;
    private final Outcome outcome;
    private @Nullable Hello hello;
    private byte[] transcript = {};
    private @Nullable ScheduledFuture<?> deadline;
    private @Nullable ChannelHandlerContext context;
    private String address = "";
    private boolean done;

    /** What the listener does with the outcome, on the channel's event loop. */
    interface Outcome {
        /** A handshake began, and is followed by {@link #ended}; it may be shed before. */
        void begun(UnfinishedHandshakes.Caller caller);

        void ended(UnfinishedHandshakes.Caller caller);

        /** Returns why this life of a peer is known to be over, if it is. */
        @Nullable
        String lost(String name, long epoch);

        void accepted(Purpose purpose, Wire wire);

        void refused(Verdict verdict, String reason);
    }

    HandshakeCallee(Identity self, boolean encrypted, Duration limit, ReceiveBuffer receive, Outcome outcome) {
        this.self = self;
        this.encrypted = encrypted;
        this.limit = limit;
        this.receive = receive;
        this.outcome = outcome;
    }

    @Override
    public void channelActive(ChannelHandlerContext active) {
        context = active;
        address = active.channel().remoteAddress() instanceof InetSocketAddress remote
                ? remote.getAddress().getHostAddress()
                : String.valueOf(active.channel().remoteAddress());
        Duration part = limit.dividedBy(HELLO_PART);
        Duration first = part.compareTo(MIN_HELLO_LIMIT) < 0 ? MIN_HELLO_LIMIT : part;
        expect(active, "HELLO did not come", first.compareTo(limit) < 0 ? first : limit);
        outcome.begun(this);
    }

    private void expect(ChannelHandlerContext active, String what, Duration within) {
        if (deadline != null) {
            deadline.cancel(false);
        }
        String reason = what + " within " + within.toMillis() + " ms at " + self.name() + ": dial again";
        deadline = active.executor()
                .schedule(() -> refuse(active, Verdict.LATE, reason), within.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public String address() {
        return address;
    }

    @Override
    public void shed() {
        ChannelHandlerContext active = context;
        if (active != null) {
            active.executor()
                    .execute(() -> refuse(
                            active, Verdict.BUSY, "too many unfinished handshakes at " + self.name() + ": dial again"));
        }
    }

    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) throws TransferException {
        if (done) {
            in.skipBytes(in.readableBytes());
            return;
        }
        Frame frame = HandshakeLayout.take(in);
        if (frame == null) {
            return;
        }
        if (frame.is(Kind.VERDICT)) {
            finish();
            outcome.refused(Verdict.of(frame.code()), "caller at " + from(context) + " refused: " + frame.text());
            var unused = context.close();
        } else if (frame.version() != HandshakeLayout.VERSION) {
            refuse(
                    context,
                    Verdict.VERSION,
                    "caller speaks version=" + frame.version() + ", " + self.name() + " version="
                            + HandshakeLayout.VERSION + ": run the same spark-mooncake jar on every executor");
        } else if (frame.is(Kind.HELLO) && hello == null) {
            onHello(context, frame);
        } else if (frame.is(Kind.PROOF) && hello != null && !in.isReadable()) {
            onProof(context, frame, hello);
        } else {
            refuse(context, Verdict.MALFORMED, "unexpected handshake frame kind=" + frame.kind());
        }
    }

    private void onHello(ChannelHandlerContext context, Frame frame) throws TransferException {
        hello = Hello.decode(frame.body());
        expect(context, "the handshake did not end", limit);
        byte[] nonce = new byte[HandshakeLayout.NONCE_BYTES];
        new SecureRandom().nextBytes(nonce);
        transcript = HandshakeLayout.transcript(frame.body(), nonce);
        byte[] proof = self.secret().proof(Role.CALLEE, transcript);
        byte[] body = ByteBuffer.allocate(nonce.length + proof.length)
                .put(nonce)
                .put(proof)
                .array();
        var unused = context.writeAndFlush(HandshakeLayout.frame(Kind.WELCOME, 0, body), context.voidPromise());
    }

    private void onProof(ChannelHandlerContext context, Frame frame, Hello hello) {
        if (!self.secret().proves(Role.CALLER, transcript, frame.body())) {
            refuse(
                    context,
                    Verdict.SECRET,
                    "the caller holds another secret than " + self.name()
                            + ": it belongs to another application, or spark.authenticate.secret differs");
            return;
        }
        Purpose purpose = Purpose.of(hello.purpose());
        String lost = outcome.lost(hello.callerName(), hello.callerEpoch());
        if (!hello.calleeName().equals(self.name())) {
            refuse(
                    context,
                    Verdict.NAME,
                    "this listener is peer " + self.name() + ", not "
                            + HandshakeLayout.printable(hello.calleeName())
                            + ": read the peer's record again");
        } else if (hello.calleeEpoch() != self.epoch()) {
            refuse(
                    context,
                    Verdict.EPOCH,
                    "peer " + self.name() + " restarted: it lives in epoch=" + self.epoch()
                            + ", the caller means epoch=" + hello.calleeEpoch() + ": read the peer's record again");
        } else if (hello.encrypted() != encrypted) {
            refuse(
                    context,
                    Verdict.ENCRYPTION,
                    "encryption caller=" + hello.encrypted() + " " + self.name() + "=" + encrypted
                            + ": set spark.network.crypto.enabled and spark.authenticate.enableSaslEncryption alike everywhere");
        } else if (lost != null) {
            refuse(context, Verdict.LOST, self.name() + " holds the caller for lost: " + lost);
        } else if (purpose == null) {
            refuse(context, Verdict.MALFORMED, "unknown purpose=" + hello.purpose());
        } else {
            accept(context, purpose, hello);
        }
    }

    private void accept(ChannelHandlerContext context, Purpose purpose, Hello hello) {
        finish();
        var unused = context.writeAndFlush(HandshakeLayout.verdict(Verdict.ACCEPTED, ""), context.voidPromise());
        if (encrypted) {
            SessionCipher.install(context.pipeline(), self.secret(), Role.CALLEE, transcript);
        }
        receive.useDefault();
        outcome.accepted(purpose, new Wire(context.channel(), receive, hello.callerName(), hello.callerEpoch()));
        context.pipeline().remove(this);
    }

    private void refuse(ChannelHandlerContext context, Verdict verdict, String reason) {
        if (done) {
            return;
        }
        finish();
        String caller = hello == null ? "" : HandshakeLayout.printable(hello.callerName()) + " ";
        outcome.refused(verdict, "caller " + caller + "at " + from(context) + ": " + reason);
        var unused = context.writeAndFlush(HandshakeLayout.verdict(verdict, reason))
                .addListener(ChannelFutureListener.CLOSE);
    }

    private void finish() {
        done = true;
        if (deadline != null) {
            deadline.cancel(false);
            outcome.ended(this);
            deadline = null;
        }
    }

    private static String from(ChannelHandlerContext context) {
        return String.valueOf(context.channel().remoteAddress());
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        if (!done) {
            finish();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
        Throwable cause = error.getCause() instanceof TransferException ? error.getCause() : error;
        refuse(context, Verdict.MALFORMED, String.valueOf(cause.getMessage()));
        var unused = context.close();
    }
}
