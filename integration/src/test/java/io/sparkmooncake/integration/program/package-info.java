// SPDX-License-Identifier: Apache-2.0
/** Driver programs that the cluster tests submit: each provokes something and prints what it saw as facts. */
@NullMarked
package io.sparkmooncake.integration.program;

import org.jspecify.annotations.NullMarked;
