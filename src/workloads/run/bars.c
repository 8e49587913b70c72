/* SPDX-License-Identifier: MIT */
/* The layout of bars: wide ones where there is room; where there is not, more rows, up to a quarter
 * of the screen, then a cell a CPU, then a cell for several. */
#include "workloads/run/bars.h"

#define BAR_COLUMNS_MAX 50

static uint32_t at_least_one(uint32_t value)
{
    return value ? value : 1;
}

static uint32_t divide_up(uint32_t value, uint32_t by)
{
    return (value + by - 1) / by;
}

struct bars bars_lay_out(uint32_t count, uint32_t columns, uint32_t rows)
{
    uint32_t room = columns > BARS_LABEL_COLUMNS + 1 ? columns - BARS_LABEL_COLUMNS - 1 : 1;
    uint32_t wanted = divide_up(count, room), most = at_least_one(rows / 4);
    struct bars bars = {.rows = at_least_one(rows / 8)};

    if (wanted > bars.rows)
        bars.rows = wanted < most ? wanted : most;
    bars.group = at_least_one(divide_up(count, room * bars.rows));
    bars.across = at_least_one(divide_up(count, bars.rows * bars.group));
    bars.width = at_least_one(room / bars.across);
    if (bars.width > BAR_COLUMNS_MAX)
        bars.width = BAR_COLUMNS_MAX;
    return bars;
}
