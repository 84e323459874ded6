// SPDX-License-Identifier: Apache-2.0
@NullMarked
package io.sparkmooncake.gpu.driver;

import org.jspecify.annotations.NullMarked;
