#include "plan/calendar.h"

struct change {
    int64_t time, cores, memory;
};

static int by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    return (x->time > y->time) - (x->time < y->time);
}

int64_t calendar_fit(const struct booking *list, size_t n, struct room capacity, struct room need,
                     int64_t from, int64_t to, int64_t length, const char *self)
{
    struct change *changes = mem_new((2 * n + 1) * sizeof(*changes));
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct booking *b = &list[i];
        if (b->end <= from || str_same(b->job, self))
            continue;
        changes[count++] = (struct change){b->start > from ? b->start : from, b->cores, b->memory};
        changes[count++] = (struct change){b->end, -b->cores, -b->memory};
    }
    qsort(changes, count, sizeof(*changes), by_time);

    /* Walk through time; `start` is since when there has been room, or -1. */
    struct room used = {0};
    int64_t start = need.cores <= capacity.cores && need.memory <= capacity.memory ? from : -1;
    for (size_t i = 0; i < count;) {
        int64_t now = changes[i].time;
        if (start >= 0 && now - start >= length)
            break;
        for (; i < count && changes[i].time == now; i++) {
            used.cores += changes[i].cores;
            used.memory += changes[i].memory;
        }
        bool room = used.cores + need.cores <= capacity.cores &&
                    used.memory + need.memory <= capacity.memory;
        start = !room ? -1 : start >= 0 ? start : now;
    }
    free(changes);
    return start <= to ? start : -1;
}
