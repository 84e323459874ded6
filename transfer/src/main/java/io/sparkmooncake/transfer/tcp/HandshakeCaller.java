// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.ByteToMessageDecoder;
import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.TransferException.Code;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Frame;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Hello;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Kind;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;

/**
 * The caller's end of the handshake; see {@link HandshakeLayout}. The deadline is its {@link Dial}'s.
 *
 * <p>Threading: the channel's event loop.
 */
final class HandshakeCaller extends ByteToMessageDecoder {
    private final Identity self;
    private final PeerRecord peer;
    private final Dial dial;
    private final ReceiveBuffer receive;
    private final byte[] hello;
    private byte[] transcript = {};

    HandshakeCaller(Identity self, PeerRecord peer, Dial dial, ReceiveBuffer receive) {
        this.self = self;
        this.peer = peer;
        this.dial = dial;
        this.receive = receive;
        byte[] nonce = new byte[HandshakeLayout.NONCE_BYTES];
        new SecureRandom().nextBytes(nonce);
        this.hello = new Hello(
                        dial.purpose().code(), dial.encrypted(), self.name(), self.epoch(), peer.name(), peer.epoch())
                .encode(nonce);
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        dial.enter("handshake, waiting for the answer to HELLO");
        var unused = context.writeAndFlush(HandshakeLayout.frame(Kind.HELLO, 0, hello), context.voidPromise());
    }

    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) throws TransferException {
        Frame frame = HandshakeLayout.take(in);
        if (frame == null || dial.isDone()) {
            return;
        }
        if (frame.is(Kind.VERDICT)) {
            onVerdict(context, frame, in);
        } else if (frame.version() != HandshakeLayout.VERSION) {
            throw HandshakeLayout.malformed("it speaks version=" + frame.version() + ", this build version="
                    + HandshakeLayout.VERSION + ": run the same spark-mooncake jar on every executor");
        } else if (frame.is(Kind.WELCOME) && transcript.length == 0) {
            onWelcome(context, frame);
        } else {
            throw HandshakeLayout.malformed("unexpected handshake frame kind=" + frame.kind());
        }
    }

    private void onWelcome(ChannelHandlerContext context, Frame frame) throws TransferException {
        byte[] body = frame.body();
        if (body.length != HandshakeLayout.NONCE_BYTES + Secret.PROOF_BYTES) {
            throw HandshakeLayout.malformed("WELCOME of bytes=" + body.length);
        }
        byte[] nonce = Arrays.copyOf(body, HandshakeLayout.NONCE_BYTES);
        byte[] proof = Arrays.copyOfRange(body, HandshakeLayout.NONCE_BYTES, body.length);
        transcript = HandshakeLayout.transcript(hello, nonce);
        if (!self.secret().proves(Role.CALLEE, transcript, proof)) {
            String text = "caller " + self.name() + " holds another secret: it belongs to another application, or"
                    + " spark.authenticate.secret differs";
            var unused = context.writeAndFlush(HandshakeLayout.verdict(Verdict.SECRET, text))
                    .addListener(ChannelFutureListener.CLOSE);
            dial.fail(
                    Code.PROTOCOL,
                    "the listener there holds another secret: it belongs to another application, or"
                            + " spark.authenticate.secret differs");
            return;
        }
        dial.enter("handshake, waiting for the verdict");
        var unused = context.writeAndFlush(
                HandshakeLayout.frame(Kind.PROOF, 0, self.secret().proof(Role.CALLER, transcript)),
                context.voidPromise());
    }

    private void onVerdict(ChannelHandlerContext context, Frame frame, ByteBuf in) throws TransferException {
        Verdict verdict = Verdict.of(frame.code());
        if (verdict != Verdict.ACCEPTED) {
            dial.fail(verdict.failure(), "it refused: " + frame.text());
            var unused = context.close();
            return;
        }
        if (transcript.length == 0 || in.isReadable()) {
            throw HandshakeLayout.malformed("verdict out of order, or bytes after it=" + in.readableBytes());
        }
        if (dial.encrypted()) {
            SessionCipher.install(context.pipeline(), self.secret(), Role.CALLER, transcript);
        }
        receive.useDefault();
        Wire wire = new Wire(context.channel(), receive, peer.name(), peer.epoch());
        dial.succeed(wire);
        context.pipeline().remove(this);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        dial.fail(
                Code.UNREACHABLE,
                "it closed the connection during the handshake: it may be shutting down, or it is no mooncake listener");
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable error) {
        Throwable cause = error.getCause() instanceof TransferException ? error.getCause() : error;
        dial.fail(
                cause instanceof TransferException ? Code.PROTOCOL : Code.UNREACHABLE,
                cause instanceof TransferException ? String.valueOf(cause.getMessage()) : cause.toString());
        var unused = context.close();
    }
}
