// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.shm;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;

/** The one attribute of shm: the descriptor of a small region that a peer maps to learn whether it can, in Base64. */
final class ProbeAttribute {
    static final String KEY = "shm.probe";

    private ProbeAttribute() {}

    static String encode(RegionDescriptor probe) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(64);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            probe.writeTo(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Base64.getEncoder().encodeToString(bytes.toByteArray());
    }

    /** Reads a peer's probe; an attribute that is missing or unreadable is an {@link IOException} that says so. */
    static RegionDescriptor read(PeerRecord peer) throws IOException {
        String text = peer.attributes().get(KEY);
        if (text == null) {
            throw new IOException("it publishes no " + KEY);
        }
        try (DataInputStream in =
                new DataInputStream(new ByteArrayInputStream(Base64.getDecoder().decode(text)))) {
            return RegionDescriptor.readFrom(in);
        } catch (IOException | IllegalArgumentException e) {
            throw new IOException("its " + KEY + "=" + text + " is unreadable", e);
        }
    }
}
