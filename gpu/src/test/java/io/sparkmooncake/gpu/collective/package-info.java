// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.gpu.collective;

import org.jspecify.annotations.NullMarked;
