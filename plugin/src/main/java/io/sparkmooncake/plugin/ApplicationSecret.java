// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Map;
import java.util.function.Supplier;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The 256 bits by which the processes of one application recognise each other.
 *
 * <p>The driver draws them and Spark carries them to executors with the plugin's configuration, under a key that Spark redacts
 * in its UI and event log. Where {@code spark.authenticate} is on, only a salt travels: both sides derive the secret from
 * Spark's own, so that it is nowhere in the configuration.
 */
final class ApplicationSecret {
    private static final String SECRET_KEY = "secret";
    private static final String SALT_KEY = "salt";
    private static final String PURPOSE = "spark-mooncake application secret 1:";
    private static final int SECRET_BYTES = 32;

    private ApplicationSecret() {}

    /** Driver: returns what executors are told. */
    static Map<String, String> handOut(boolean sparkAuthenticates) {
        byte[] random = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(random);
        return Map.of(sparkAuthenticates ? SALT_KEY : SECRET_KEY, HexFormat.of().formatHex(random));
    }

    /**
     * Executor: returns the secret.
     *
     * @param told what the driver handed out
     * @param sparkSecret Spark's own, asked for only where it authenticates
     */
    static byte[] receive(Map<String, String> told, Supplier<String> sparkSecret) {
        String secret = told.get(SECRET_KEY);
        if (secret != null) {
            return HexFormat.of().parseHex(secret);
        }
        String salt = told.get(SALT_KEY);
        if (salt == null) {
            throw new IllegalStateException(
                    "the driver handed out no secret: it does not run the same spark-mooncake jar as this executor");
        }
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(sparkSecret.get().getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            return mac.doFinal((PURPOSE + salt).getBytes(StandardCharsets.UTF_8));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("this JVM has no HmacSHA256, which every JVM must have", e);
        }
    }
}
