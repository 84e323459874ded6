// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.gpu.memory;

import org.jspecify.annotations.NullMarked;
