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
    own(calendar_close) struct calendar calendar = {0};
    const struct room need = room_of(json_object_get(p, "need"));
    const struct room all = room_of(json_object_get(p, "capacity"));
    /* an attempt after the first has started in time, and only waits for room */
    int64_t to = j->attempt ? INT64_MAX : json_int(p, "to", 0);
    bool due;
    if (calendar_open(&calendar, store, j->platform, all, now, err) < 0)
        return -1;
    *start = calendar_fit(&calendar, need, now, to, json_int(p, "length", 0), j->id);
    /* Nobody starts to the second. Once its slot has begun the job needs room beside what really
     * runs; a slot that begins when this one would have ended has minutes to spare (answer.c). */
    const struct calendar running = {.list = calendar.list,
                                     .n = under_way(calendar.list, calendar.n, j, now, &due),
                                     .capacity = all};
    if (*start != now && (due || j->attempt))
        *start = calendar_fit(&running, need, now, to, 1, j->id);
    return 0;
}

int turn_take(struct store *store, const struct job *j, int64_t now, struct err *err)
{
    const json_t *p = private_of(j);
    struct booking b = {.start = now,
                        .end = now + json_int(p, "length", 0),
                        .room = room_of(json_object_get(p, "need"))};
    snprintf(b.job, sizeof(b.job), "%s", j->id);
    return store_booking_set(store, j->platform, &b, err);
}
