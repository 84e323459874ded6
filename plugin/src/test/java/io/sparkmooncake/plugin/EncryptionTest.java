// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkmooncake.conf.TransferSettings;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.internal.config.package$;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import scala.Option;

/** What Spark encrypts between its processes, the tcp path encrypts. */
final class EncryptionTest {
    @ParameterizedTest
    @CsvSource({
        "spark.network.crypto.enabled,true",
        "spark.authenticate.enableSaslEncryption,true",
        "spark.network.crypto.saslFallback,false",
        "spark.io.encryption.enabled,false"
    })
    void encryptsExactlyWhenSparkDoes(String key, boolean encrypted) {
        SparkConf conf = new SparkConf(false)
                .set("spark.authenticate", "true")
                .set("spark.authenticate.secret", "secret")
                .set(key, "true");
        SecurityManager spark = new SecurityManager(conf, Option.empty(), package$.MODULE$.AUTH_SECRET_FILE());
        assertThat(spark.isEncryptionEnabled()).isEqualTo(encrypted);
        Map<String, String> read = new HashMap<>();
        for (var entry : conf.getAll()) {
            read.put(entry._1(), entry._2());
        }
        assertThat(TransferSettings.read(read).tcp().encrypted()).isEqualTo(encrypted);
        TransferSettings silent = TransferSettings.read(Map.of());
        assertThat(ExecutorStart.encryptedAs(spark, silent).tcp().encrypted()).isEqualTo(encrypted);
    }
}
