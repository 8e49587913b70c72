/* SPDX-License-Identifier: MIT */
/* The questions of this room to the rooms above it, which fill them in at boot. A question that no
 * room answers yet does nothing. */
#ifndef ISTSTORM_LIB_ABOVE_H
#define ISTSTORM_LIB_ABOVE_H

#include <stdbool.h>

struct lib_above {
    /* Whether the calling context may write to the console's devices, which takes as long as a line
     * does. Any context. */
    bool (*may_drain)(void);

    /* Resets the machine where nothing else did: a shutdown of the processor. Any context. */
    void (*shut_down)(void);
};
extern struct lib_above lib_above;

#endif
