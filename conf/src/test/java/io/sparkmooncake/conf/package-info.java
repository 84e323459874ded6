// SPDX-License-Identifier: Apache-2.0
/** Tests of the settings, and the generator of their page. */
@NullMarked
package io.sparkmooncake.conf;

import org.jspecify.annotations.NullMarked;
