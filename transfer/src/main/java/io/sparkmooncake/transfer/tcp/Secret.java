// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.transfer.tcp;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * What every process of one application knows and nobody else: it proves membership and yields session keys. It is never on
 * the wire nor in {@link #toString}.
 *
 * <p>Threading: immutable.
 */
public final class Secret {
    /** Shortest secret that is worth the name. */
    static final int MIN_BYTES = 16;

    static final int PROOF_BYTES = 32;
    private static final String HMAC = "HmacSHA256";

    private final byte[] bytes;

    /** Copies the bytes. */
    public Secret(byte[] bytes) {
        if (bytes.length < MIN_BYTES) {
            throw new IllegalArgumentException("secret bytes=" + bytes.length + " min=" + MIN_BYTES
                    + ": pass spark.authenticate.secret or random bytes made by the driver");
        }
        this.bytes = bytes.clone();
    }

    /** Returns HMAC-SHA256(secret, label of the prover ‖ 0 ‖ transcript). */
    byte[] proof(Role prover, byte[] transcript) {
        return hmac(bytes, (prover.label() + " proof\0").getBytes(UTF_8), transcript);
    }

    /** Compares in constant time. */
    boolean proves(Role prover, byte[] transcript, byte[] proof) {
        return MessageDigest.isEqual(proof(prover, transcript), proof);
    }

    /**
     * Returns the 32 bytes from which the sender's records are keyed: HKDF-SHA256 with the secret as key material, the hash of
     * the transcript (both nonces, both identities) as salt and the sender's label as context.
     */
    byte[] sessionKey(Role sender, byte[] transcript) {
        byte[] extracted = hmac(sha256(transcript), bytes);
        return hmac(extracted, (sender.label() + " records\0").getBytes(UTF_8), new byte[] {1});
    }

    private static byte[] hmac(byte[] key, byte[]... parts) {
        try {
            Mac mac = Mac.getInstance(HMAC);
            mac.init(new SecretKeySpec(key, HMAC));
            for (byte[] part : parts) {
                mac.update(part);
            }
            return mac.doFinal();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no " + HMAC, e);
        }
    }

    private static byte[] sha256(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this Java has no SHA-256", e);
        }
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Secret secret && MessageDigest.isEqual(bytes, secret.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(sha256(bytes));
    }

    @Override
    public String toString() {
        return "Secret[" + bytes.length + " bytes]";
    }
}
