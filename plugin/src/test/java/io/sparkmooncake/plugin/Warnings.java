// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;

/** What this project logs as warnings or errors while a test runs. */
final class Warnings extends AbstractAppender implements AutoCloseable {
    private final Logger logger = (Logger) LogManager.getLogger("io.sparkmooncake");
    private final List<String> lines = new CopyOnWriteArrayList<>();

    private Warnings() {
        super("warnings", null, null, false, Property.EMPTY_ARRAY);
    }

    static Warnings record() {
        Warnings warnings = new Warnings();
        warnings.start();
        warnings.logger.addAppender(warnings);
        return warnings;
    }

    @Override
    public void append(LogEvent event) {
        if (event.getLevel().isMoreSpecificThan(Level.WARN)) {
            lines.add(event.getMessage().getFormattedMessage());
        }
    }

    List<String> lines() {
        return lines;
    }

    @Override
    public void close() {
        logger.removeAppender(this);
        stop();
    }
}
