// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.sparkmooncake.transfer.TransferException;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Frame;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Hello;
import io.sparkmooncake.transfer.tcp.HandshakeLayout.Kind;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** An end of a connection made by hand with blocking sockets, so that it can misbehave. Never encrypted. */
final class HandMade implements AutoCloseable {
    static final int PATIENCE_MILLIS = 120_000;

    private final Socket socket;

    HandMade(Socket socket) throws IOException {
        this.socket = socket;
        socket.setSoTimeout(PATIENCE_MILLIS);
        socket.setTcpNoDelay(true);
    }

    static HandMade connect(int port) throws IOException {
        return new HandMade(new Socket(InetAddress.getLoopbackAddress(), port));
    }

    static ServerSocket listen() throws IOException {
        return new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    }

    static Hello hello(Purpose purpose, String callee) {
        return new Hello(purpose.code(), false, "rogue", 666, callee, Ends.epoch(callee));
    }

    /** Passes the handshake as a caller that knows the secret. */
    static HandMade call(int port, Purpose purpose, String callee) throws IOException {
        HandMade made = connect(port);
        byte[] hello = hello(purpose, callee).encode(new byte[HandshakeLayout.NONCE_BYTES]);
        Frame verdict = made.prove(hello, made.greet(hello), new Secret(Ends.secret()));
        if (Verdict.of(verdict.code()) != Verdict.ACCEPTED) {
            throw new IOException("refused: " + verdict.text());
        }
        return made;
    }

    /** Sends HELLO and returns what comes. */
    Frame greet(byte[] hello) throws IOException {
        send(HandshakeLayout.frame(Kind.HELLO, 0, hello));
        return receiveHandshake();
    }

    /** Sends PROOF and returns what comes. */
    Frame prove(byte[] hello, Frame welcome, Secret secret) throws IOException {
        byte[] nonce = Arrays.copyOf(welcome.body(), HandshakeLayout.NONCE_BYTES);
        byte[] proof = secret.proof(Role.CALLER, HandshakeLayout.transcript(hello, nonce));
        send(HandshakeLayout.frame(Kind.PROOF, 0, proof));
        return receiveHandshake();
    }

    /** Passes the handshake as a callee that knows the secret and takes any caller. */
    static HandMade answer(ServerSocket listener) throws IOException {
        HandMade made = new HandMade(listener.accept());
        Frame hello = made.receiveHandshake();
        byte[] nonce = new byte[HandshakeLayout.NONCE_BYTES];
        byte[] proof = new Secret(Ends.secret()).proof(Role.CALLEE, HandshakeLayout.transcript(hello.body(), nonce));
        byte[] body = ByteBuffer.allocate(64).put(nonce).put(proof).array();
        made.send(HandshakeLayout.frame(Kind.WELCOME, 0, body));
        made.receiveHandshake();
        made.send(HandshakeLayout.verdict(Verdict.ACCEPTED, ""));
        return made;
    }

    Frame receiveHandshake() throws IOException {
        ByteBuf bytes = Unpooled.wrappedBuffer(receive(HandshakeLayout.HEAD_BYTES));
        ByteBuf whole = Unpooled.wrappedBuffer(bytes, Unpooled.wrappedBuffer(receive(bytes.getUnsignedShort(8))));
        Frame frame = HandshakeLayout.take(whole);
        if (frame == null) {
            throw new IOException("half a frame");
        }
        return frame;
    }

    void send(ByteBuf frame) throws IOException {
        byte[] bytes = new byte[frame.readableBytes()];
        frame.readBytes(bytes);
        frame.release();
        send(bytes);
    }

    void send(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
    }

    void send(DataFrame frame) throws IOException {
        ByteBuf head = Unpooled.buffer();
        frame.writeTo(head);
        send(head);
    }

    byte[] receive(int count) throws IOException {
        byte[] bytes = socket.getInputStream().readNBytes(count);
        if (bytes.length < count) {
            throw new EOFException("closed after " + bytes.length + " of " + count + " bytes");
        }
        return bytes;
    }

    DataFrame receiveDataHead() throws IOException {
        return DataFrame.readFrom(Unpooled.wrappedBuffer(receive(DataFrame.HEAD_BYTES)));
    }

    EntryColumns receiveColumns(DataFrame frame) throws IOException {
        return EntryColumns.readFrom(Unpooled.wrappedBuffer(receive(frame.columnBytes())), frame.count());
    }

    static ByteBuf request(DataFrame.Kind kind, long id, EntryColumns columns) {
        ByteBuf frame = Unpooled.buffer();
        new DataFrame(kind, Refusal.NONE, columns.entries(), id, columns.encodedBytes()).writeTo(frame);
        columns.writeTo(frame);
        return frame;
    }

    /** Reads until the other end closes; fails after {@link #PATIENCE_MILLIS} of silence. */
    long drainUntilClosed() throws IOException {
        long drained = 0;
        try {
            byte[] scratch = new byte[64 << 10];
            for (int n = socket.getInputStream().read(scratch);
                    n >= 0;
                    n = socket.getInputStream().read(scratch)) {
                drained += n;
            }
        } catch (SocketException e) {
            return drained; // a reset is as good an end
        }
        return drained;
    }

    Socket socket() {
        return socket;
    }

    /** Returns the failure that {@code call} must have as its cause. */
    static TransferException failure(@Nullable Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            if (cause instanceof TransferException found) {
                return found;
            }
        }
        throw new AssertionError("no TransferException", error);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
