// SPDX-License-Identifier: Apache-2.0
package io.sparkmooncake.plugin.memory;

/**
 * Something that ends processes when its memory is used up: the machine, or a cgroup.
 *
 * @param name for the log
 * @param totalBytes what all its processes together may take
 * @param usedBytes what they hold now and cannot be made to give back
 */
public record Ceiling(String name, long totalBytes, long usedBytes) {}
