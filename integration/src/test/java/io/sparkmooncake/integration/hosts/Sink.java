// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.hosts;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.Socket;

/** Reads all that is sent to a port, one connection after the other, until it is killed. */
final class Sink {
    static final int PORT = 7_000;

    private Sink() {}

    /** Needs no words. */
    public static void main(String[] words) throws IOException {
        try (ServerSocket server = new ServerSocket(PORT)) {
            while (true) {
                try (Socket connection = server.accept();
                        InputStream in = connection.getInputStream()) {
                    in.transferTo(OutputStream.nullOutputStream());
                } catch (IOException ended) {
                    // That connection was reset; the next one comes.
                }
            }
        }
    }
}
