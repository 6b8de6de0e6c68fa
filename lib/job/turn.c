#include "job/turn.h"
#include "plan/calendar.h"

static const json_t *private_of(const struct job *j)
{
    return json_object_get(j->doc, "private");
}

/* Moves the bookings under way to the front; how many there are. *due: the slot of j has begun. */
static size_t under_way(struct booking *list, size_t n, const struct job *j, int64_t now, bool *due)
{
    size_t count = 0;
    *due = false;
    for (size_t i = 0; i < n; i++) {
        struct booking b = list[i];
        *due |= str_same(b.job, j->id) && b.start <= now;
        if (b.latest != 0)
            continue;
        list[i] = list[count];
        list[count++] = b;
    }
    return count;
}

int turn_start(struct store *store, const struct job *j, int64_t now, int64_t *start,
               struct err *err)
{
    const json_t *p = private_of(j);
    struct booking *list = NULL;
    size_t n = 0;
    const struct room all = {json_int(p, "allcores", 0), json_int(p, "allmemory", 0)};
    const struct room need = {json_int(p, "cores", 0), json_int(p, "memory", 0)};
    /* an attempt after the first has started in time, and only waits for room */
    int64_t to = j->attempt ? INT64_MAX : json_int(p, "to", 0);
    bool due;
    if (store_bookings(store, j->platform, now, &list, &n, err) < 0)
        return -1;
    *start = calendar_fit(list, n, all, need, now, to, json_int(p, "length", 0), j->id);
    /* Nobody starts to the second. Once its slot has begun the job needs room beside what really
     * runs; a slot that begins when this one would have ended has minutes to spare (answer.c). */
    size_t running = under_way(list, n, j, now, &due);
    if (*start != now && (due || j->attempt))
        *start = calendar_fit(list, running, all, need, now, to, 1, j->id);
    free(list);
    return 0;
}

int turn_take(struct store *store, const struct job *j, int64_t now, struct err *err)
{
    const json_t *p = private_of(j);
    struct booking b = {.start = now,
                        .end = now + json_int(p, "length", 0),
                        .cores = json_int(p, "cores", 0),
                        .memory = json_int(p, "memory", 0)};
    snprintf(b.job, sizeof(b.job), "%s", j->id);
    return store_booking_set(store, j->platform, &b, err);
}
