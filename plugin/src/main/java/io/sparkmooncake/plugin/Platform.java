// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import io.sparkmooncake.shuffle.spark.KnownInternals;
import java.util.List;
import java.util.function.Supplier;
import org.apache.spark.SparkConf;

/**
 * What the driver runs on.
 *
 * @param sparkVersion Spark's version, to which vendors append their own
 * @param scalaVersion version of Scala's library
 * @param system name of the operating system
 * @param differences what the shuffle needs and this Spark does not have; asked only if the rest fits
 * @param resolverDifferences what keeps the shuffle from handing over the map outputs of an executor that leaves
 */
record Platform(
        String sparkVersion,
        String scalaVersion,
        String system,
        Supplier<List<String>> differences,
        Supplier<List<String>> resolverDifferences) {

    /** Returns the platform of this process. */
    static Platform here(String sparkVersion) {
        ClassLoader spark = SparkConf.class.getClassLoader();
        return new Platform(
                sparkVersion,
                scala.util.Properties.versionNumberString(),
                System.getProperty("os.name", "?"),
                () -> KnownInternals.differences(spark),
                () -> KnownInternals.resolverDifferences(spark));
    }
}
