// SPDX-License-Identifier: Apache-2.0
/**
 * Every setting of spark-mooncake: typed, with unit, default, range and doc. Read once at start from Spark's configuration
 * into the records here; knows nothing of Spark but the shape of its keys. The page {@code docs/settings.md} is generated
 * from {@link io.sparkmooncake.conf.Settings}.
 */
@NullMarked
package io.sparkmooncake.conf;

import org.jspecify.annotations.NullMarked;
