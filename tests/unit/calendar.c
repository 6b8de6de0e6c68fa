/* calendar_fit against an oracle that tries every second: of bookings in memory, and of a store in
 * which they came and went. */
#include "host/path.h"
#include "plan/calendar.h"
#include "tap.h"

static int64_t gpus(struct room r)
{
    return json_int(r.parts, "gpu", 0);
}

/* What the bookings are of which a calendar is asked, in plain. */
struct plain {
    struct booking list[24];
    size_t n;
    struct room capacity;
    int64_t now;
};

/* Does it count at t? A job under way does until it has ended, one never started until its window
 * closes. */
static bool counts(const struct booking *b, int64_t t, int64_t now)
{
    if (b->latest == 0)
        return (b->start < now ? b->start : now) <= t && t < (b->end > now ? b->end : now + 1);
    return b->latest >= now && b->start <= t && t < b->end;
}

static bool fits_at(const struct plain *p, struct room need, int64_t start, int64_t length,
                    const char *self)
{
    for (int64_t t = start; t <= start + length; t++) {
        struct room used = need;
        int64_t parts = gpus(need);
        for (size_t i = 0; t < start + length && i < p->n; i++) {
            const struct booking *b = &p->list[i];
            if (!counts(b, t, p->now) || str_same(b->job, self))
                continue;
            used.cores += b->room.cores;
            used.memory += b->room.memory;
            parts += gpus(b->room);
        }
        if (used.cores > p->capacity.cores || used.memory > p->capacity.memory ||
            (gpus(need) && parts > gpus(p->capacity)))
            return false;
    }
    return true;
}

static int64_t oracle(const struct plain *p, struct room need, int64_t from, int64_t to,
                      int64_t length, const char *self)
{
    for (int64_t start = from; start <= to; start++)
        if (fits_at(p, need, start, length, self))
            return start;
    return -1;
}

/* xorshift: the same calendars everywhere, every time. */
static uint64_t seed = 88172645463325252u;

static int64_t below(int64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int64_t)(seed % (uint64_t)n);
}

/* Up to so many cores, so much memory, and in half of the cases GPUs, which leak never: few kinds.
 */
static struct room random_room(int64_t most)
{
    static json_t *kinds[4];
    const int64_t n = below(4);
    if (!kinds[n])
        kinds[n] = json_pack("{s:I}", "gpu", (json_int_t)n + 1);
    return (struct room){below(most), below(most), below(2) ? kinds[n] : NULL};
}

static void print_case(const struct plain *p, struct room need, int64_t from, int64_t to,
                       int64_t length, const char *self)
{
    printf("# at %d, room %d/%d/%d need %d/%d/%d in [%d, %d] for %d, not %s\n", (int)p->now,
           (int)p->capacity.cores, (int)p->capacity.memory, (int)gpus(p->capacity), (int)need.cores,
           (int)need.memory, (int)gpus(need), (int)from, (int)to, (int)length, self ? self : "-");
    for (size_t i = 0; i < p->n; i++)
        printf("#   %s [%d, %d) latest %d: %d/%d/%d\n", p->list[i].job, (int)p->list[i].start,
               (int)p->list[i].end, (int)p->list[i].latest, (int)p->list[i].room.cores,
               (int)p->list[i].room.memory, (int)gpus(p->list[i].room));
}

/* Several questions to one calendar; true when the oracle says the same. */
static bool agrees(struct calendar *c, const struct plain *p, size_t tally[2])
{
    for (int k = 0; k < 4; k++) {
        const struct room need = random_room(5);
        const int64_t from = p->now + below(20), to = from - 1 + below(20), length = below(10);
        const char *self = below(4) == 0 && c->store ? "job-0" : NULL;
        const int64_t got = calendar_fit(c, need, from, to, length, self);
        const int64_t want = oracle(p, need, from, to, length, self);
        tally[want >= 0]++;
        if (got == want)
            continue;
        is_int(got, want, "a random calendar");
        print_case(p, need, from, to, length, self);
        return false;
    }
    return true;
}

static void random_capacity(struct plain *p, struct calendar *c)
{
    p->capacity = random_room(5);
    p->capacity.cores++;
    p->capacity.memory++;
    c->capacity = p->capacity;
}

static struct booking random_booking(int64_t base, size_t number)
{
    struct booking b = {.start = base + below(30), .room = random_room(4)};
    b.end = b.start + below(12);
    snprintf(b.job, sizeof(b.job), "job-%d", (int)number);
    return b;
}

static void tell(const char *what, size_t rounds, const size_t tally[2])
{
    char name[80];
    snprintf(name, sizeof(name), "%zu %s", rounds, what);
    ok(true, name);
    ok(tally[0] > rounds / 10 && tally[1] > rounds / 10, "some have room and some have none");
}

static void test_memory(size_t rounds, size_t most)
{
    size_t tally[2] = {0};
    for (size_t k = 0; k < rounds; k++) {
        struct plain p = {.n = (size_t)below((int64_t)most + 1), .now = 10};
        struct apart apart[COUNT(p.list)];
        struct calendar c = {.apart = apart, .napart = p.n};
        for (size_t i = 0; i < p.n; i++) {
            p.list[i] = random_booking(0, i);
            p.list[i].latest = 99;
            apart[i] = (struct apart){p.list[i], 1};
        }
        random_capacity(&p, &c);
        bool good = agrees(&c, &p, tally);
        c.apart = NULL;
        c.napart = 0;
        calendar_close(&c);
        if (!good)
            return;
    }
    tell("calendars in memory", rounds, tally);
}

/* The same as the store has it after some came, went, were moved and begun. */
static bool test_store_once(struct store *store, size_t tally[2])
{
    struct err err = {0};
    const int64_t base = 900 * (1 + below(3)) - 15; /* what is added up is kept by 900 s */
    struct plain p = {.now = base + below(25)};
    own(calendar_close) struct calendar c = {0};
    random_capacity(&p, &c);
    for (int64_t k = below(30); k > 0; k--) {
        size_t i = (size_t)below((int64_t)p.n + 1);
        if (i < p.n && below(3) == 0) {
            store_booking_drop(store, p.list[i].job, &err);
            p.list[i] = p.list[--p.n];
            continue;
        }
        if (p.n == COUNT(p.list))
            continue;
        struct booking b = random_booking(base, i < p.n ? 0 : (size_t)k);
        b.latest = below(2) ? 0 : b.start + below(10);
        if (i < p.n)
            memcpy(b.job, p.list[i].job, sizeof(b.job));
        for (i = 0; i < p.n && !str_same(p.list[i].job, b.job); i++)
            ;
        p.list[i] = b;
        p.n += i == p.n;
        store_booking_set(store, "p", &b, &err);
        store_booking_set(store, "q", &(struct booking){"other", 0, base + 99, 0, {9, 9, NULL}},
                          &err);
    }
    if (calendar_open(&c, store, "p", p.capacity, p.now, &err) < 0 || err.code)
        return is_int(err.code, 0, err.text), false;
    return agrees(&c, &p, tally) && calendar_check(&c, &err) == 0;
}

static void test_store(size_t rounds)
{
    char dir[] = "calendar.XXXXXX";
    struct store store;
    struct err err = {0};
    size_t tally[2] = {0}, k = 0;
    if (!mkdtemp(dir) || setenv("EXECDM_STATE", dir, 1) < 0 || store_open(&store, &err) < 0) {
        ok(false, "a store");
        return;
    }
    for (bool good = true; good && k < rounds; k++) {
        good = store_begin(&store, false, &err) == 0 && test_store_once(&store, tally);
        store_rollback(&store);
    }
    if (k == rounds)
        tell("calendars of a store", rounds, tally);
    store_close(&store);
    path_remove(dir, &err);
}

static void test_named(void)
{
    struct apart two[] = {
        {{.job = "a", .start = 100, .end = 200, .room = {2, 1, NULL}}, 1},
        {{.job = "b", .start = 200, .end = 300, .room = {1, 1, NULL}}, 1},
    };
    const struct room all = {2, 4, NULL}, one = {1, 1, NULL}, both = {2, 1, NULL};
    struct calendar c = {.capacity = all, .apart = two, .napart = 2}, empty = {.capacity = all};
    static const struct room too_many = {3, 1, NULL}, too_much = {1, 5, NULL};
    is_int(calendar_fit(&empty, both, 50, 60, 1000, NULL), 50, "an empty calendar");
    is_int(calendar_fit(&c, one, 0, 1000, 100, NULL), 0, "before, to the second");
    is_int(calendar_fit(&c, one, 0, 1000, 101, NULL), 200, "one second too long");
    is_int(calendar_fit(&c, one, 1, 1000, 100, NULL), 200, "one second too late");
    is_int(calendar_fit(&c, both, 100, 1000, 1, NULL), 300, "after both");
    is_int(calendar_fit(&c, both, 100, 300, 1, NULL), 300, "the last second allowed");
    is_int(calendar_fit(&c, both, 100, 299, 1, NULL), -1, "not after it");
    is_int(calendar_fit(&c, both, 100, 1000, 100, "b"), 200, "its own booking is none");
    is_int(calendar_fit(&c, too_many, 0, 1000, 1, NULL), -1, "more cores than there are");
    is_int(calendar_fit(&c, too_much, 0, 1000, 1, NULL), -1, "more memory");
    is_int(calendar_fit(&c, one, 10, 5, 1, NULL), -1, "a window that is none");
    is_int(calendar_fit(&c, both, 150, 150, 0, NULL), 150, "no time at all needs no room");
    is_int(calendar_fit(&c, both, 150, INT64_MAX, 50, NULL), 300, "a window without an end");
    c.apart = NULL;
    c.napart = 0;
    calendar_close(&c);
    calendar_close(&empty);
}

int main(void)
{
    test_named();
    test_memory(10000, 3);
    test_memory(10000, 8);
    test_memory(3000, 16);
    test_store(4000);
    return tap_end();
}
