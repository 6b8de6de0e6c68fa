#include "plan/calendar.h"

#define PARTS_MAX 32 /* kinds of counted things in one need */

/* How the use of what one need asks for changes at a moment. */
struct change {
    int64_t time;
    const struct booking *booking;
    int sign;
};

/* What is used of what the need asks for, part by part. */
struct use {
    int64_t cores, memory;
    int64_t parts[PARTS_MAX];
};

static int by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    return (x->time > y->time) - (x->time < y->time);
}

int calendar_open(struct calendar *c, struct store *store, const char *platform,
                  struct room capacity, int64_t now, struct err *err)
{
    *c = (struct calendar){.capacity = capacity};
    return store_bookings(store, platform, now, &c->list, &c->n, err);
}

void calendar_close(struct calendar *c)
{
    for (size_t i = 0; i < c->n; i++)
        json_decref(c->list[i].room.parts);
    free(c->list);
    *c = (struct calendar){0};
}

static void add(struct use *use, const struct change *c, struct room need)
{
    const struct room r = c->booking->room;
    const char *name;
    json_t *count;
    size_t i = 0;
    use->cores += c->sign * r.cores;
    use->memory += c->sign * r.memory;
    json_object_foreach (need.parts, name, count)
        use->parts[i++] += c->sign * json_int(r.parts, name, 0);
}

static bool fits(const struct use *use, struct room need, struct room capacity)
{
    const char *name;
    json_t *count;
    size_t i = 0;
    if (use->cores + need.cores > capacity.cores || use->memory + need.memory > capacity.memory)
        return false;
    json_object_foreach (need.parts, name, count)
        if (use->parts[i++] + json_integer_value(count) > json_int(capacity.parts, name, 0))
            return false;
    return true;
}

int64_t calendar_fit(const struct calendar *c, struct room need, int64_t from, int64_t to,
                     int64_t length, const char *self)
{
    struct use use = {0};
    if (json_object_size(need.parts) > PARTS_MAX || !fits(&use, need, c->capacity))
        return -1;
    struct change *changes = mem_new((2 * c->n + 1) * sizeof(*changes));
    size_t count = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct booking *b = &c->list[i];
        if (b->end <= from || str_same(b->job, self))
            continue;
        changes[count++] = (struct change){b->start > from ? b->start : from, b, 1};
        changes[count++] = (struct change){b->end, b, -1};
    }
    qsort(changes, count, sizeof(*changes), by_time);

    /* Walk through time; `start` is since when there has been room, or -1. */
    int64_t start = from;
    for (size_t i = 0; i < count;) {
        int64_t now = changes[i].time;
        if (start >= 0 && now - start >= length)
            break;
        for (; i < count && changes[i].time == now; i++)
            add(&use, &changes[i], need);
        start = !fits(&use, need, c->capacity) ? -1 : start >= 0 ? start : now;
    }
    free(changes);
    return start <= to ? start : -1;
}
