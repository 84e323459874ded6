// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.integration.workload;

import org.jspecify.annotations.NullMarked;
