// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.spark;

import io.sparkmooncake.plugin.MooncakePlugin;
import io.sparkmooncake.shuffle.MooncakeShuffleManager;
import org.apache.spark.ShuffleSuite;

/** Spark's ShuffleSuite. It reads no system property, so its configuration is changed here. */
public final class MooncakeShuffleSuite extends ShuffleSuite {
    private static final long serialVersionUID = 1L;

    @Override
    public void beforeAll() {
        super.beforeAll();
        conf().set("spark.plugins", MooncakePlugin.class.getName());
        conf().set("spark.shuffle.manager", MooncakeShuffleManager.class.getName());
    }
}
