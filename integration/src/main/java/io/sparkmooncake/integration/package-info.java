// SPDX-License-Identifier: Apache-2.0
/** What only the whole can show: the rules of the house, and jobs on a real Spark. */
@NullMarked
package io.sparkmooncake.integration;

import org.jspecify.annotations.NullMarked;
