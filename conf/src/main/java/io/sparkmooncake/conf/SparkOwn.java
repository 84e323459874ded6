// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.conf;

import java.util.Map;

/** Keys of Spark that decide something here, read as Spark reads them. */
final class SparkOwn {
    static final Setting<Integer> PORT_MAX_RETRIES = new Setting<>(
            "spark.port.maxRetries", "16", Domain.count(0, 65_535), "How many ports are tried before giving up.", "");

    private SparkOwn() {}

    /** Returns whether Spark encrypts what its processes send to each other; what the tcp path carries is then encrypted, too. */
    static boolean encryptsNetwork(Map<String, String> conf) {
        return isTrue(conf, "spark.network.crypto.enabled")
                || isTrue(conf, "spark.authenticate.enableSaslEncryption")
                || isTrue(conf, "spark.ssl.rpc.enabled");
    }

    static boolean isTrue(Map<String, String> conf, String key) {
        return Boolean.parseBoolean(conf.getOrDefault(key, "false").trim());
    }

    /** Reads a size whose bare numbers count MiB, as all of Spark's executor memories do. */
    static long mebibytesOrSize(String text) {
        String trimmed = text.trim();
        return Domain.bytes("0", "1024t").parse().apply(trimmed.matches("\\d+") ? trimmed + "m" : trimmed);
    }
}
