// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.gpu.link;

import io.sparkmooncake.transfer.PeerRecord;
import io.sparkmooncake.transfer.memory.RegionDescriptor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import java.util.HexFormat;

/**
 * The one attribute of a transport of mapped memory, in Base64: which process it is, a small device region that a peer maps to learn
 * whether it can, and the word that it finds there. Behind the word are slots that peers write.
 *
 * @param mark of the process
 * @param probe the region
 * @param word its first bytes, random, hexadecimal
 */
record ProbeLayout(ProcessMark mark, RegionDescriptor probe, String word) {
    static final int WORD_BYTES = 16;
    static final long SIZE_BYTES = 64 << 10;

    static String key(String transport) {
        return transport + ".probe";
    }

    /** Returns where a peer writes this word: random, so that two that come at once do not meet. */
    static long slot(byte[] word) {
        int slots = (int) (SIZE_BYTES / WORD_BYTES) - 1;
        int random = ((word[0] & 0xff) << 8) | (word[1] & 0xff);
        return (long) WORD_BYTES * (1 + random % slots);
    }

    static ProbeLayout of(ProcessMark mark, RegionDescriptor probe, byte[] word) {
        return new ProbeLayout(mark, probe, HexFormat.of().formatHex(word));
    }

    private static byte[] bytesOf(String word) {
        return HexFormat.of().parseHex(word);
    }

    /** Returns the first bytes of the probe. */
    byte[] wordBytes() {
        return bytesOf(word);
    }

    String encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeUTF(mark.encode());
            probe.writeTo(out);
            out.write(bytesOf(word));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Base64.getEncoder().encodeToString(bytes.toByteArray());
    }

    /** Reads a peer's probe; an attribute that is missing or unreadable is an {@link IOException} that says so. */
    static ProbeLayout read(String transport, PeerRecord peer) throws IOException {
        String text = peer.attributes().get(key(transport));
        if (text == null) {
            throw new IOException(
                    "it publishes no " + key(transport) + ": it has no device, or does not offer this path");
        }
        try (DataInputStream in =
                new DataInputStream(new ByteArrayInputStream(Base64.getDecoder().decode(text)))) {
            ProcessMark mark = ProcessMark.parse(in.readUTF());
            RegionDescriptor probe = RegionDescriptor.readFrom(in);
            return of(mark, probe, in.readNBytes(WORD_BYTES));
        } catch (IOException | IllegalArgumentException e) {
            throw new IOException("its " + key(transport) + "=" + text + " is unreadable", e);
        }
    }
}
