/* calendar_fit against an oracle that tries every second. */
#include "plan/calendar.h"
#include "tap.h"

static int64_t gpus(struct room r)
{
    return json_int(r.parts, "gpu", 0);
}

static struct room plus(struct room a, struct room b, int64_t *parts)
{
    *parts += gpus(b);
    return (struct room){a.cores + b.cores, a.memory + b.memory, NULL};
}

static bool fits_at(const struct calendar *c, struct room need, int64_t start, int64_t length,
                    const char *self)
{
    for (int64_t t = start; t <= start + length; t++) {
        struct room used = need;
        int64_t parts = gpus(need);
        for (size_t i = 0; t < start + length && i < c->n; i++)
            if (c->list[i].start <= t && c->list[i].end > t && !str_same(c->list[i].job, self))
                used = plus(used, c->list[i].room, &parts);
        if (used.cores > c->capacity.cores || used.memory > c->capacity.memory ||
            (gpus(need) && parts > gpus(c->capacity)))
            return false;
    }
    return true;
}

static int64_t oracle(const struct calendar *c, struct room need, int64_t from, int64_t to,
                      int64_t length, const char *self)
{
    for (int64_t start = from; start <= to; start++)
        if (fits_at(c, need, start, length, self))
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

static void print_case(const struct calendar *c, struct room need, int64_t from, int64_t to,
                       int64_t length, const char *self)
{
    printf("# room %d/%d/%d need %d/%d/%d in [%d, %d] for %d, not %s\n", (int)c->capacity.cores,
           (int)c->capacity.memory, (int)gpus(c->capacity), (int)need.cores, (int)need.memory,
           (int)gpus(need), (int)from, (int)to, (int)length, self ? self : "-");
    for (size_t i = 0; i < c->n; i++)
        printf("#   %s [%d, %d) %d/%d/%d\n", c->list[i].job, (int)c->list[i].start,
               (int)c->list[i].end, (int)c->list[i].room.cores, (int)c->list[i].room.memory,
               (int)gpus(c->list[i].room));
}

static void test_random(size_t rounds, size_t most)
{
    size_t found = 0, refused = 0;
    for (size_t k = 0; k < rounds; k++) {
        struct booking list[16];
        struct calendar c = {.list = list, .n = (size_t)below((int64_t)most + 1)};
        for (size_t i = 0; i < c.n; i++) {
            list[i] = (struct booking){.start = below(30), .room = random_room(4)};
            list[i].end = list[i].start + below(12);
            snprintf(list[i].job, sizeof(list[i].job), "job-%d", (int)i);
        }
        struct room need = random_room(5);
        c.capacity = random_room(5);
        c.capacity.cores++;
        c.capacity.memory++;
        int64_t from = below(35), to = from - 1 + below(20), length = below(10);
        const char *self = below(4) == 0 ? "job-0" : NULL;
        int64_t got = calendar_fit(&c, need, from, to, length, self);
        int64_t want = oracle(&c, need, from, to, length, self);
        found += want >= 0;
        refused += want < 0;
        if (got == want)
            continue;
        is_int(got, want, "a random calendar");
        print_case(&c, need, from, to, length, self);
        return;
    }
    char name[80];
    snprintf(name, sizeof(name), "%zu calendars of up to %zu bookings", rounds, most);
    ok(true, name);
    ok(found > rounds / 10 && refused > rounds / 10, "some have room and some have none");
}

static void test_named(void)
{
    struct booking two[] = {
        {.job = "a", .start = 100, .end = 200, .room = {2, 1, NULL}},
        {.job = "b", .start = 200, .end = 300, .room = {1, 1, NULL}},
    };
    const struct room all = {2, 4, NULL}, one = {1, 1, NULL}, both = {2, 1, NULL};
    const struct calendar c = {two, 2, all}, empty = {NULL, 0, all};
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
}

int main(void)
{
    test_named();
    test_random(20000, 3);
    test_random(20000, 8);
    test_random(5000, 16);
    return tap_end();
}
