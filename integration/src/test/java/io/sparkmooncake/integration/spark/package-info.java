// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.integration.spark;

import org.jspecify.annotations.NullMarked;
