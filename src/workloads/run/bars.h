/* SPDX-License-Identifier: MIT */
/* How bars for any number of CPUs fit on a screen of any size.
 *
 * Machine-free. Any context. */
#ifndef ISTSTORM_WORKLOADS_RUN_BARS_H
#define ISTSTORM_WORKLOADS_RUN_BARS_H

#include <stdint.h>

#define BARS_LABEL_COLUMNS 9        /* of a row: which CPU it begins with */

struct bars {
    uint32_t rows;                  /* of the screen */
    uint32_t across;                /* bars in a row */
    uint32_t group;                 /* CPUs that share a bar */
    uint32_t width;                 /* columns of a bar, with the gap behind it; 1: no gap */
};

/* `columns` and `rows` are the screen's; `count` CPUs. */
struct bars bars_lay_out(uint32_t count, uint32_t columns, uint32_t rows);

#endif
