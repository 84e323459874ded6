// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.engine.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Stands between peers as a firewall does: passes connections on, resets them, and refuses new ones.
 *
 * <p>Threading: safe from any thread.
 */
public final class Middlebox implements AutoCloseable {
    private final ServerSocket listener;
    private final int target;
    private final List<Socket> incoming = new CopyOnWriteArrayList<>();
    private final List<Socket> all = new CopyOnWriteArrayList<>();
    private volatile boolean refusing;

    /** Passes on to a port of this host. */
    public Middlebox(int target) throws IOException {
        this.target = target;
        this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        start("middlebox-accept", this::accept);
    }

    /** Returns the port to call. */
    public int port() {
        return listener.getLocalPort();
    }

    /** Returns how many connections were passed on so far. */
    public int passed() {
        return incoming.size();
    }

    /** Resets a connection, counted from 0 in the order of the calls. */
    public void reset(int index) throws IOException {
        Socket socket = incoming.get(index);
        socket.setSoLinger(true, 0);
        socket.close();
    }

    /** From now on new connections are reset. */
    public void refuse() {
        refusing = true;
    }

    /** From now on new connections are passed on. */
    public void pass() {
        refusing = false;
    }

    private void accept() {
        try {
            while (true) {
                Socket in = listener.accept();
                all.add(in);
                if (refusing) {
                    in.setSoLinger(true, 0);
                    in.close();
                    continue;
                }
                Socket out = new Socket(InetAddress.getLoopbackAddress(), target);
                all.add(out);
                incoming.add(in);
                start("middlebox-in", () -> pass(in, out));
                start("middlebox-out", () -> pass(out, in));
            }
        } catch (IOException e) {
            closeAll();
        }
    }

    private static void pass(Socket from, Socket to) {
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            in.transferTo(out);
        } catch (IOException e) {
            // Reset by either end, or by the test: both are closed.
        }
    }

    private static void start(String name, Runnable action) {
        Thread thread = new Thread(action, name);
        thread.setDaemon(true);
        thread.start();
    }

    private void closeAll() {
        for (Socket socket : all) {
            try {
                socket.close();
            } catch (IOException e) {
                // It is closed.
            }
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        closeAll();
    }
}
