#include "job/turn.h"
#include "plan/calendar.h"

static const json_t *private_of(const struct job *j)
{
    return json_object_get(j->doc, "private");
}

/* Nobody starts to the second. Once its slot has begun the job needs room beside what really runs;
 * a slot that begins when this one would have ended has minutes to spare (answer.c). */
static int beside_running(struct store *store, const struct job *j, struct room need,
                          struct room all, int64_t now, int64_t to, int64_t *start, struct err *err)
{
    own(calendar_close) struct calendar running = {0};
    struct booking mine = {0};
    int rc = store_booking_get(store, j->id, &mine, err);
    json_decref(mine.room.parts);
    if (rc < 0 || (!j->attempt && (rc == 0 || mine.start > now)))
        return rc < 0 ? -1 : 0;
    if (calendar_running(&running, store, j->platform, all, now, err) < 0)
        return -1;
    *start = calendar_fit(&running, need, now, to, 1, j->id);
    return 0;
}

bool turn_in_time(const struct job *j)
{
    return j->attempt > 0 || json_is_true(json_object_get(private_of(j), "held"));
}

bool turn_is_theirs(const struct job *j)
{
    return json_is_true(json_object_get(private_of(j), "queue"));
}

int turn_start(struct store *store, const struct job *j, int64_t now, int64_t *start,
               struct err *err)
{
    const json_t *p = private_of(j);
    own(calendar_close) struct calendar calendar = {0};
    const struct room need = room_of(json_object_get(p, "need"));
    const struct room all = room_of(json_object_get(p, "capacity"));
    /* An attempt after the first has started in time, and only waits for room. The first is not
     * made before its window opens, though it did once by a clock that was set back since. */
    int64_t to = turn_in_time(j) ? INT64_MAX : json_int(p, "to", 0);
    int64_t from = j->attempt ? now : json_int(p, "from", 0);
    if (from < now)
        from = now;
    if (turn_is_theirs(j)) {
        *start = from;
        return 0;
    }
    if (calendar_open(&calendar, store, j->platform, all, now, err) < 0)
        return -1;
    *start = calendar_fit(&calendar, need, from, to, json_int(p, "length", 0), j->id);
    if (calendar_check(&calendar, err) < 0)
        return -1;
    if (*start != now && from == now)
        return beside_running(store, j, need, all, now, to, start, err);
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
