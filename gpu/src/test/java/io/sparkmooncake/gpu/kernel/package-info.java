// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.gpu.kernel;

import org.jspecify.annotations.NullMarked;
