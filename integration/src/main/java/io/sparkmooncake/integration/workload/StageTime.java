// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.integration.workload;

/**
 * One stage that ran.
 *
 * @param stage Spark's number of the stage
 * @param name Spark's name of the stage
 * @param seconds from its submission to its completion
 */
public record StageTime(int stage, String name, double seconds) {}
