#include "plan/calendar.h"

#define PARTS_MAX 32 /* kinds of counted things in one need */

/* The use of one thing: each row is what it is from that time on, once read; the store says by how
 * much it changes. */
struct series {
    char *thing;
    struct change *list;
    size_t n;
    int64_t next; /* where reading goes on */
    bool whole;
};

/* One thing that a need asks for, on the way through time. */
struct track {
    struct series *series;
    size_t at; /* the row of the series that holds now */
    struct change *besides;
    size_t n, done;
    int64_t first, second; /* what the changes of besides have come to */
    struct change need, all;
};

/* The booking as it counts at `now`: a job under way has its room until it has ended, however late
 * it is, and whatever the clock says of its start. */
static void add_apart(struct calendar *c, struct booking *b, int sign)
{
    struct booking counts = *b;
    if (sign > 0 && counts.start > c->now)
        counts.start = c->now;
    if (sign > 0 && counts.end <= c->now)
        counts.end = c->now + 1;
    b->room.parts = NULL; /* it is the calendar's now */
    c->apart = mem_grow(c->apart, c->napart + 1, sizeof(*c->apart));
    c->apart[c->napart++] = (struct apart){counts, sign};
}

int calendar_running(struct calendar *c, struct store *store, const char *platform,
                     struct room capacity, int64_t now, struct err *err)
{
    struct booking *list;
    size_t n;
    *c = (struct calendar){.capacity = capacity, .platform = platform, .now = now};
    if (store_bookings_running(store, platform, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        add_apart(c, &list[i], 1);
    bookings_free(list, n);
    return 0;
}

int calendar_open(struct calendar *c, struct store *store, const char *platform,
                  struct room capacity, int64_t now, struct err *err)
{
    struct booking *list;
    size_t n;
    *c = (struct calendar){.capacity = capacity, .platform = platform, .now = now, .store = store};
    if (store_bookings_apart(store, platform, now, &list, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct booking *b = &list[i];
        if (b->latest == 0 && b->start > now)
            b->end = b->start; /* from there on it is in the sums */
        add_apart(c, b, b->latest == 0 ? 1 : -1);
    }
    bookings_free(list, n);
    return 0;
}

void calendar_close(struct calendar *c)
{
    for (size_t i = 0; i < c->napart; i++)
        json_decref(c->apart[i].booking.room.parts);
    for (size_t i = 0; i < c->nseries; i++) {
        free(c->series[i].thing);
        free(c->series[i].list);
    }
    free(c->apart);
    free(c->series);
    *c = (struct calendar){0};
}

/* Reads on: false when there is no more. */
static bool read_on(struct calendar *c, struct series *s)
{
    size_t before = s->n;
    if (s->whole || c->err.code)
        return false;
    int rc = store_changes(c->store, c->platform, s->thing, &s->next, &s->list, &s->n, &c->err);
    for (size_t i = before ? before : 1; i < s->n; i++) {
        s->list[i].first += s->list[i - 1].first;
        s->list[i].second += s->list[i - 1].second;
    }
    s->whole = rc <= 0;
    return s->n > before;
}

/* All are looked up before any is used: the array moves. */
static size_t series_index(struct calendar *c, const char *thing)
{
    for (size_t i = 0; i < c->nseries; i++)
        if (str_same(c->series[i].thing, thing))
            return i;
    c->series = mem_grow(c->series, c->nseries + 1, sizeof(*c->series));
    c->series[c->nseries] =
        (struct series){.thing = str_new(thing), .next = c->now, .whole = !c->store};
    return c->nseries++;
}

/* The row that holds at `from`: the last one not after it. */
static size_t series_at(struct calendar *c, struct series *s, int64_t from)
{
    while ((s->n == 0 || s->list[s->n - 1].time <= from) && read_on(c, s))
        ;
    size_t low = 0, high = s->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->list[middle].time <= from)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int by_time(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    return (x->time > y->time) - (x->time < y->time);
}

static void add_besides(struct track *t, const char *thing, const struct booking *b, int sign)
{
    const struct room r = b->room;
    const bool room = str_same(thing, THING_ROOM);
    int64_t first = sign * (room ? r.cores : json_int(r.parts, thing, 0));
    int64_t second = room ? sign * r.memory : 0;
    if (b->start == b->end || (first == 0 && second == 0))
        return;
    t->besides = mem_grow(t->besides, t->n + 2, sizeof(*t->besides));
    t->besides[t->n++] = (struct change){b->start, first, second};
    t->besides[t->n++] = (struct change){b->end, -first, -second};
}

/* A thing, from the moment `from` on. */
static void track_init(struct calendar *c, struct track *t, const char *thing, int64_t from,
                       const char *self, const struct booking *own)
{
    for (size_t i = 0; i < c->napart; i++)
        if (!str_same(c->apart[i].booking.job, self))
            add_besides(t, thing, &c->apart[i].booking, c->apart[i].sign);
    if (own)
        add_besides(t, thing, own, -1);
    if (t->n)
        qsort(t->besides, t->n, sizeof(*t->besides), by_time);
    t->series = &c->series[series_index(c, thing)];
    t->at = series_at(c, t->series, from);
}

/* What it asks for, and what there is. */
static size_t tracks_init(struct calendar *c, struct track *tracks, struct room need, int64_t from,
                          const char *self, const struct booking *own)
{
    const char *name;
    json_t *count;
    size_t n = 1;
    series_index(c, THING_ROOM);
    json_object_foreach (need.parts, name, count)
        series_index(c, name);
    tracks[0].need = (struct change){0, need.cores, need.memory};
    tracks[0].all = (struct change){0, c->capacity.cores, c->capacity.memory};
    track_init(c, &tracks[0], THING_ROOM, from, self, own);
    json_object_foreach (need.parts, name, count) {
        tracks[n].need.first = json_integer_value(count);
        tracks[n].all.first = json_int(c->capacity.parts, name, 0);
        track_init(c, &tracks[n++], name, from, self, own);
    }
    return n;
}

/* Moves on to `time`. */
static void track_move(struct track *t, int64_t time)
{
    const struct series *s = t->series;
    while (t->at + 1 < s->n && s->list[t->at + 1].time <= time)
        t->at++;
    for (; t->done < t->n && t->besides[t->done].time <= time; t->done++) {
        t->first += t->besides[t->done].first;
        t->second += t->besides[t->done].second;
    }
}

/* When its use changes next; INT64_MAX: never. */
static int64_t track_next(struct calendar *c, struct track *t)
{
    struct series *s = t->series;
    int64_t next = t->done < t->n ? t->besides[t->done].time : INT64_MAX;
    while (t->at + 1 >= s->n && read_on(c, s))
        ;
    if (t->at + 1 < s->n && s->list[t->at + 1].time < next)
        next = s->list[t->at + 1].time;
    return next;
}

static bool track_fits(const struct track *t)
{
    const struct change none = {0}, *use = t->series->n ? &t->series->list[t->at] : &none;
    return use->first + t->first + t->need.first <= t->all.first &&
           use->second + t->second + t->need.second <= t->all.second;
}

static bool all_fit(struct track *tracks, size_t n, int64_t time)
{
    bool fit = true;
    for (size_t i = 0; i < n; i++) {
        track_move(&tracks[i], time);
        fit &= track_fits(&tracks[i]);
    }
    return fit;
}

/* Walks through time; `start` is since when there has been room, or -1. */
static int64_t walk(struct calendar *c, struct track *tracks, size_t n, int64_t from, int64_t to,
                    int64_t length)
{
    int64_t start = all_fit(tracks, n, from) ? from : -1;
    for (;;) {
        int64_t next = INT64_MAX;
        for (size_t i = 0; i < n; i++) {
            int64_t t = track_next(c, &tracks[i]);
            next = t < next ? t : next;
        }
        if (start >= 0 && next - start >= length)
            return start;
        if (next == INT64_MAX || (start < 0 && next > to))
            return -1;
        if (!all_fit(tracks, n, next))
            start = -1;
        else if (start < 0)
            start = next;
    }
}

/* Could it ever be? */
static bool possible(const struct calendar *c, struct room need)
{
    const char *name;
    json_t *count;
    json_object_foreach (need.parts, name, count)
        if (json_integer_value(count) > json_int(c->capacity.parts, name, 0))
            return false;
    return need.cores <= c->capacity.cores && need.memory <= c->capacity.memory &&
           json_object_size(need.parts) <= PARTS_MAX;
}

int64_t calendar_fit(struct calendar *c, struct room need, int64_t from, int64_t to, int64_t length,
                     const char *self)
{
    struct track tracks[1 + PARTS_MAX] = {0};
    struct booking own = {0};
    if (from > to || !possible(c, need))
        return -1;
    if (length == 0) /* no time at all needs no room */
        return from;
    int found = self && c->store ? store_booking_get(c->store, self, &own, &c->err) : 0;
    size_t n = tracks_init(c, tracks, need, from, self, found > 0 ? &own : NULL);
    int64_t start = walk(c, tracks, n, from, to, length);
    for (size_t i = 0; i < n; i++)
        free(tracks[i].besides);
    json_decref(own.room.parts);
    return c->err.code ? -1 : start;
}

int calendar_check(const struct calendar *c, struct err *err)
{
    if (!c->err.code)
        return 0;
    *err = c->err;
    return -1;
}
